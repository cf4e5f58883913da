/** Facts about the original system that Phlo keeps. */
export const knownOutcomes = {
  /** How many rows a check finds wrong, of how many, and whether that passes. */
  checks: [
    { check: 'null', failedCount: 2, totalCount: 5, allowThreshold: 0.5, passed: true },
    { check: 'null', failedCount: 2, totalCount: 5, passed: false },
    { check: 'range', failedCount: 2, totalCount: 5, passed: false },
    { check: 'range', failedCount: 2, totalCount: 5, allowThreshold: 0.5, passed: true, fraction: 0.4 },
    { check: 'unique', failedCount: 5, totalCount: 6, passed: false },
    { check: 'unique', failedCount: 4, totalCount: 5, allowThreshold: 0.9, passed: true },
    { check: 'custom_sql', failedCount: 2, totalCount: 5, passed: false },
    { check: 'custom_sql', failedCount: 2, totalCount: 5, allowThreshold: 0.5, passed: true },
  ],
  severity: [
    { failedCount: 1, totalCount: 2, warnThreshold: 0.5, severity: 'warn' },
    { failedCount: 1, totalCount: 2, warnThreshold: 0.49, severity: 'error' },
  ],
  cron: [
    { text: '*/15 * * * *', valid: true },
    { text: '60 * * * *', valid: false },
    { text: '0-100 * * * *', valid: false },
    { text: '* * * *', valid: false },
  ],
  backfill: { start: '2024-01-01', end: '2024-12-31', partitions: 366 },
} as const
