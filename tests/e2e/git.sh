#!/usr/bin/env bash
# git: a repository made under endorun is the one made natively, and whole.
. "$E2E_DIR/common.bash"

need git git
export HOME=$E2E_TMP GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_AUTHOR_DATE='2020-01-01 00:00:00 +0000'
export GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
export GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
COMMITS=$(size 20 3)

make_repository() { # FOLDER COMMAND...
	local folder=$1 i

	shift
	"$@" git init -q -b main "$folder"
	for ((i = 1; i <= COMMITS; i++)); do
		seq "$i" $((i * 50)) >"$folder/file $((i % 4))"
		"$@" git -C "$folder" add -A
		"$@" git -C "$folder" commit -q -m "commit $i"
	done
	"$@" git -C "$folder" checkout -q -b side HEAD~1
	echo side >"$folder/side"
	"$@" git -C "$folder" add side
	"$@" git -C "$folder" commit -q -m side
	"$@" git -C "$folder" merge -q -m merged main
	"$@" git -C "$folder" gc -q
}

make_repository repo-native >log-native 2>&1
make_repository repo "${ER[@]}" >log-endorun 2>&1
same_file "messages" log-endorun log-native
is "the same commit" "$(git -C repo rev-parse HEAD)" "$(git -C repo-native rev-parse HEAD)"
holds "a native fsck" git -C repo fsck --strict
both "git fsck" git -C repo fsck --strict
both "git log" git -C repo log --graph --stat
full both "git diff" git -C repo diff HEAD~2
full both "git blame" git -C repo blame "file 1"
both "git grep" git -C repo grep -n 49
full both "git status of no repository" git -C / status
"${ER[@]}" git clone -q "file://$E2E_TMP/repo" clone
is "git clone" $? 0
is "the clone's commit" "$(git -C clone rev-parse HEAD)" "$(git -C repo-native rev-parse HEAD)"
holds "a native fsck of the clone" git -C clone fsck
echo more >clone/more
"${ER[@]}" sh -c 'cd clone && git add more && git commit -qm more && git push -q origin HEAD:pushed'
is "git push" $? 0
is "what was pushed" "$(git -C repo rev-parse pushed)" "$(git -C clone rev-parse HEAD)"
printf '#!/bin/sh\necho hook ran >hooked\nexit 1\n' >repo/.git/hooks/pre-commit
chmod +x repo/.git/hooks/pre-commit
both "a hook that refuses" git -C repo commit --allow-empty -m no
is "the hook ran" "$(cat repo/hooked)" "hook ran"
both "a rebase" git -C clone rebase -q --force-rebase HEAD~1
