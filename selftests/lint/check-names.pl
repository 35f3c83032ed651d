#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# check-names.pl FILE...: print each identifier in C files that contains a word of retired-names.
# Comments and strings are ignored.
use strict;
use warnings;

my $list = $0 =~ s/[^\/]*$/retired-names/r;
my (@names, %found);

open(my $in, '<', $list) or die "$list: $!\n";
while (<$in>) {
	next if /^(#|$)/;
	chomp;
	my ($words, $instead, @more) = split /\t+/;
	die "$list:$.: not WORDS, a tab, and the replacement\n" unless $instead && !@more;
	push @names, { words => qr/(?:^|_)(?:$words)(?:_|$)/i, instead => $instead };
}
for my $file (@ARGV) {
	open(my $code, '<', $file) or die "$file: $!\n";
	local $/;
	my $text = <$code>;
	my %seen;
	$text =~ s{/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"}{ }gs;
	$seen{$1}++ while $text =~ /\b([A-Za-z_]\w*)/g;
	for my $identifier (sort keys %seen) {
		for my $name (@names) {
			print "$file: $identifier: use $name->{instead}\n" if $identifier =~ $name->{words};
		}
	}
}
