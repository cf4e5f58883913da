/** The same text with every secret as `***`, longest first, so that one within another leaves no rest. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const longestFirst = [...secrets].sort((a, b) => b.length - a.length)
  return longestFirst.reduce((shown, secret) => (secret === '' ? shown : shown.replaceAll(secret, '***')), text)
}
