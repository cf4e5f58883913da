/** A name for a type from that of a table, model or file: `gold.route_delays` gives `RouteDelays`. */
export function typeName(text: string): string {
  const last = text.split('.').at(-1) ?? text
  const words = last.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
  return /^[A-Za-z]/.test(name) ? name : `Row${name}`
}
