META
key;value
budget;100
vote_type;cumulative

PROJECTS
cost; project_id
60; a
40; b
VOTES
points;voter_id;vote
3,2;1;a,b
0;2;b
