/** `3,000,000` */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** `1.9 s`, `2 min 05 s` */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`
  const seconds = Math.round(milliseconds / 1000)
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
}

/** `1.6 M rows/s`; nothing for times too short to tell. */
export function formatRate(rows: number, milliseconds: number): string {
  if (rows === 0 || milliseconds < 50) return ''
  const rate = (rows / milliseconds) * 1000
  if (rate >= 1e6) return `${(rate / 1e6).toFixed(1)} M rows/s`
  return rate >= 1e3 ? `${(rate / 1e3).toFixed(0)} k rows/s` : `${rate.toFixed(0)} rows/s`
}

/** `13.5 MB` */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] as string}`
}

/** `2026-11-21 10:45:06` in UTC. */
export function formatTime(time: Date | number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ')
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
