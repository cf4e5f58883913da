/** What the program tells the shell. */
export const exitCode = {
  ok: 0,
  /** The run failed, or a check did, or an error came up. */
  failed: 1,
  /** The command line was wrong. */
  usage: 2,
  /** Stopped by Ctrl-C, as shells have it. */
  interrupted: 130,
} as const
