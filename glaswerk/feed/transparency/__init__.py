"""The policy in plain words: what a page shows of every weight and rule, made from the policy's own keys."""
