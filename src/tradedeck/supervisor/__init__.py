"""`tradedeck up`: starts every process of one home, keeps them running, stops them in order."""
