"""The paper exchange as a process: matching, balances and a journal of its own. Knows no strategy,
no limit and no desired state; what guards it can reach it when the runner is frozen.
"""
