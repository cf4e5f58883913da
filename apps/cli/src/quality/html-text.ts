/** HTML that is put together from parts that are HTML already. */
export interface Html {
  readonly html: string
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

type Part = Html | string | number | readonly Part[]

function text(part: Part): string {
  if (typeof part === 'string' || typeof part === 'number') {
    return String(part).replaceAll(/[&<>"']/g, (character) => entities[character] as string)
  }
  return 'html' in part ? part.html : part.map(text).join('')
}

/** A template whose values are escaped unless they are HTML themselves. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return {
    html: strings.map((string, index) => string + (index < parts.length ? text(parts[index] as Part) : '')).join(''),
  }
}

export const nothing: Html = { html: '' }
