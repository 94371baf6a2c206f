"""Fixing a bug without a model: small edits of suspected code, until the failing tests pass.

    request -> baseline -> suspects -> edits, ranked -> tries in the sandbox -> choice -> candidates, or a triage note

1. `trial` runs the tests as they are: which fail, and which lines each executes. `function_trial` does it for one
   function with asserts, `repository_trial` for a work tree with pytest. `harness/` is what runs inside the sandbox.
2. `suspects` ranks lines by `spectrum` (Ochiai), `tracebacks` and `relevance` of the ticket's words, with reasons.
3. `edits/` makes all small edits of suspected functions, as replaced spans of the text. `ideas` ranks them by suspicion
   times `prior` of their kind, and drops those that mean the same (`fingerprint` of the bytecode).
4. `search` tries them in batches, then builds upon those that helped, then pairs those that changed something.
5. `plausible` chooses among those that pass: what most of them answer to fresh inputs, the ticket's `examples`, the
   prior, the size. It refuses those that only take behaviour away.
6. `repair.repair` does all of it: a `RepairRequest` in, a `RepairResult` out, nothing changed in the work tree.

Whatever comes out of the sandbox is untrusted (`tries` validates it), and a candidate is a proposal: a workflow applies
its diff, runs the real tests on it, and a person signs. A search that is cancelled leaves nothing behind: the harness
goes in through standard input, edits live in the memory of forked children, and the sandbox ends them all.
"""
