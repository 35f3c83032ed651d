#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# check-names.pl FILE...: print each identifier that contains a word of retired-names: in C files
# without their comments and strings; in other files only words with an underscore, where a hyphen
# counts as one, since the others are words of prose. There "ndshm COMMAND" is ndshm_COMMAND.
use strict;
use warnings;

my $list = $0 =~ s/[^\/]*$/retired-names/r;
my (@in_code, @in_text);

open(my $in, '<', $list) or die "$list: $!\n";
while (<$in>) {
	next if /^(#|$)/;
	chomp;
	my ($words, $instead, @more) = split /\t+/;
	die "$list:$.: not WORDS, a tab, and the replacement\n" unless $instead && !@more;
	push @in_code, { words => qr/(?:^|_)(?:$words)(?:_|$)/i, instead => $instead };
	$words = join('|', grep { /_/ } split(/\|/, $words)) or next;
	push @in_text, { words => qr/(?:^|_)(?:$words)(?:_|$)/i, instead => $instead };
}
for my $file (@ARGV) {
	open(my $code, '<', $file) or die "$file: $!\n";
	local $/;
	my $text = <$code>;
	my ($is_code, %seen) = $file =~ /\.[ch]$/;
	if ($is_code) {
		$text =~ s{/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"}{ }gs;
	} else {
		$text =~ s/\\?-/_/g;
		$text =~ s/\bndshm (?=[a-z])/ndshm_/g;
	}
	$seen{$1}++ while $text =~ /\b([A-Za-z_]\w*)/g;
	for my $identifier (sort keys %seen) {
		for my $name ($is_code ? @in_code : @in_text) {
			print "$file: $identifier: use $name->{instead}\n" if $identifier =~ $name->{words};
		}
	}
}
