#!/usr/bin/env bash
# sqlite3, zip and unzip, tar and gzip, xz, openssl: what they write is what they write natively.
. "$E2E_DIR/common.bash"

need sqlite3 sqlite3
need zip zip
need unzip unzip
need xz xz-utils
need openssl openssl

cat >fill.sql <<END
pragma journal_mode = wal;
create table t(id integer primary key, name text, value real, data blob);
create index by_name on t(name);
with recursive n(i) as (select 1 union all select i + 1 from n where i < $(size 50000 2000))
	insert into t select i, printf('name %06d', i * 7919 % 100003), i / 3.0, zeroblob(i % 20) from n;
update t set name = upper(name) where id % 3 = 0;
delete from t where id % 7 = 0;
create view v as select substr(name, 1, 7) as k, count(*) as c, sum(value) as s from t group by 1;
select * from v order by 1 limit 20;
pragma integrity_check;
END
sqlite3 native.db <fill.sql >native.txt
"${ER[@]}" sqlite3 endorun.db <fill.sql >endorun.txt
is "sqlite3's status" $? 0
same_file "answers" endorun.txt native.txt
sqlite3 native.db .dump >native.txt
sqlite3 endorun.db .dump >endorun.txt
same_file "the dump of the database" endorun.txt native.txt
both "a dump made under endorun" sqlite3 endorun.db .dump
full both "an error" sqlite3 native.db 'select * from missing'

mkdir -p tree/deep/er
for i in 1 2 3 4 5; do
	head -c $((i * 20000)) /dev/urandom >"tree/file$i"
	seq 1 $((i * 1000)) >"tree/deep/er/text $i"
done
ln -s ../file1 tree/deep/link
touch -d 2020-01-01 tree/file1 tree/deep/er/*

both "zip" zip -rqX endorun.zip tree
rm -f native.zip endorun.zip
zip -rqXy native.zip tree
"${ER[@]}" zip -rqXy endorun.zip tree
same_file "the archive is natively the same" endorun.zip native.zip
"${ER[@]}" unzip -q -d unpacked endorun.zip
is "unzip's status" $? 0
holds "the contents" diff -r --no-dereference tree unpacked/tree
both "unzip -t" unzip -tq native.zip
full both "unzip of a broken archive" unzip -tq fill.sql

both "tar" tar cf - --sort=name tree
"${ER[@]}" sh -c 'tar cf - tree | gzip -6 | tee tree.tgz | gzip -d | tar xf - -C unpacked/tree'
is "tar and gzip in a pipe" $? 0
holds "the contents" diff -r --no-dereference tree unpacked/tree/tree
holds "a native tar reads it" tar tzf tree.tgz
both "tar xzf" tar xzvf tree.tgz -C unpacked
rm -r unpacked/tree
both "gzip of a pipe" bash -c 'seq 1 30000 | gzip -n'
both "xz with threads" bash -c 'seq 1 30000 | xz -0 -T 3 | md5sum'
full both "openssl digests" openssl dgst -sha512 native.zip
both "openssl encrypts" openssl enc -aes-256-cbc -K 00 -iv 00 -in native.zip
full both "openssl lists" openssl list -digest-commands
"${ER[@]}" openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test \
	-keyout key.pem -out cert.pem 2>/dev/null
is "a certificate" "$(openssl x509 -in cert.pem -noout -subject)" "subject=CN = test"
