#!/usr/bin/env bash
# perl: fork, system, backticks, signals, threads of a kind.
# shellcheck disable=SC2016 # much is for an inner shell
. "$E2E_DIR/common.bash"

need perl perl

cat >processes.pl <<'END'
use strict; use warnings; use POSIX ":sys_wait_h"; use IPC::Open3;
$| = 1;
my @pids;
for my $n (1 .. 5) {
	my $pid = fork // die "fork: $!";
	exit $n if $pid == 0;
	push @pids, $pid;
}
for my $pid (@pids) { waitpid $pid, 0; print "exit ", $? >> 8, "\n"; }
print "system ", system("exit 3") >> 8, "\n";
print "missing ", system("/nonexistent/program"), " $!\n";
my $out = `echo backticks; exit 4`; print $out, $? >> 8, "\n";
system 'kill -9 $$'; print "signal ", $? & 127, "\n";
open my $in, "-|", "seq", "1", "1000" or die; my $sum = 0; $sum += $_ while <$in>; close $in;
print "sum $sum\n";
open my $to, "|-", "tr a-z A-Z" or die; print $to "upper\n"; close $to;
my $pid = open3(my $w, my $r, undef, "cat"); print $w "through cat\n"; close $w; print <$r>;
waitpid $pid, 0;
$pid = fork; if (!$pid) { exec "sh", "-c", "exit 9" } waitpid $pid, 0; print $? >> 8, "\n";
$pid = open my $child, "-|"; if (!$pid) { print "from the child\n"; exit 0 } print <$child>;
exit 12;
END
cat >signals.pl <<'END'
use strict; use warnings; use Time::HiRes qw(setitimer ITIMER_REAL sleep); use POSIX;
$| = 1;
my $ticks = 0; $SIG{ALRM} = sub { $ticks++ };
setitimer(ITIMER_REAL, 0.01, 0.01); 1 while $ticks < 15; setitimer(ITIMER_REAL, 0);
print "ticks\n";
eval { local $SIG{ALRM} = sub { die "timeout\n" }; alarm 1; sleep 30; }; print "eval: $@";
$SIG{USR1} = sub { print "got $_[0]\n" }; kill USR1 => $$;
my $set = POSIX::SigSet->new(SIGUSR2); sigprocmask(SIG_BLOCK, $set);
$SIG{USR2} = sub { print "late\n" }; kill USR2 => $$; print "blocked\n"; sigprocmask(SIG_UNBLOCK, $set);
$SIG{CHLD} = sub { 1 while waitpid(-1, WNOHANG) > 0; print "child\n" };
unless (fork) { exit 0 } sleep 20;
$SIG{PIPE} = "IGNORE"; pipe my $r, my $w; close $r; syswrite($w, "x") or print "error: $!\n";
$SIG{TERM} = "DEFAULT"; kill TERM => $$; sleep 5;
END
both "processes" perl processes.pl
both "signals" perl signals.pl
both "text" perl -ne 'for (/\w+/g) { $n{lc $_}++ } END { print map "$_ $n{$_}\n", sort keys %n }' \
	/usr/share/common-licenses/GPL-3
both "modules in C" perl -MDigest::SHA=sha256_hex -MStorable=dclone -MEncode -MSocket -e '
	print sha256_hex("x" x 1000), "\n", dclone([1, [2]])->[1][0], encode("UTF-16LE", "ab"),
	inet_ntoa(inet_aton("127.0.0.1")), "\n"'
full both "an error" perl -e 'use strict; die { code => 5 } if $ARGV[0]; die "said\n"'
both "exec into another program" perl -e 'exec {"/bin/echo"} "other", "a", "b"'
full both "its own name" perl -e 'print "$0 $^X\n"; $0 = "renamed"; open F, "/proc/self/cmdline"; print <F>'
