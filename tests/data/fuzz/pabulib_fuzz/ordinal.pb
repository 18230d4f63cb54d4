META
key;value
description;"Local PB; ""small"""
budget;100.50
vote_type;ordinal
num_projects;3
num_votes;3
PROJECTS
project_id;cost;votes;score;name;selected
1/24;60;2;5;Park "A";1
2/24;50.25;1;2;"B; C";0
3;999999999;1;1;;2
VOTES
voter_id;vote;age
1;1/24,2/24,3;30
2;1/24;
3;;
