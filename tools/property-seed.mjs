import fc from 'fast-check'

// The same examples on every machine, so that a change is judged by itself; FC_SEED=<number> looks further.
fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 20_010_101) })
