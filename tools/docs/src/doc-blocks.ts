/** A fenced block of a Markdown document. */
export interface DocBlock {
  /** `ts`, `yaml`, `console`, … */
  readonly language: string
  /** What else stands behind the language: `file=workflows/orders.ts`, `setup`. */
  readonly info: string
  readonly text: string
  /** Line of the document on which the block's text begins, from 1. */
  readonly line: number
}

/** The document's fenced blocks, in their order. */
export function docBlocks(markdown: string): DocBlock[] {
  const blocks: DocBlock[] = []
  const lines = markdown.split('\n')
  for (let index = 0; index < lines.length; index++) {
    const open = /^( *)(`{3,})(\S*) *(.*)$/.exec(lines[index] as string)
    if (!open) continue
    const [, indent = '', fence = '', language = '', info = ''] = open
    const start = index + 1
    while (++index < lines.length && (lines[index] as string).trim() !== fence);
    const text = lines.slice(start, index).map((line) => line.slice(Math.min(indent.length, line.search(/\S|$/))))
    blocks.push({ language, info: info.trim(), text: `${text.join('\n')}\n`, line: start + 1 })
  }
  return blocks
}

/** One command of a `console` block, with what it must print and how it must end. */
export interface ConsoleCommand {
  readonly command: string
  /** `…` stands for anything within a line, and alone on a line for any lines. */
  readonly output: string
  /** From a last line `[exit 1]`; otherwise 0. */
  readonly exit: number
}

export function consoleCommands(text: string): ConsoleCommand[] {
  const commands: ConsoleCommand[] = []
  for (const part of text.split(/^\$ /m).slice(1)) {
    const [command = '', ...lines] = part.trimEnd().split('\n')
    const exit = /^\[exit (\d+)\]$/.exec(lines.at(-1) ?? '')
    if (exit) lines.pop()
    commands.push({ command, output: lines.join('\n'), exit: Number(exit?.[1] ?? 0) })
  }
  return commands
}

/** Does the output show what the document shows? */
export function matchesOutput(output: string, shown: string): boolean {
  if (shown.trim() === '') return true
  const pattern = shown
    .trimEnd()
    .split('\n')
    .map((line) =>
      line.trim() === '…' ? '(?:[^\\n]*\\n)*?' : `${line.trimEnd().split('…').map(escaped).join('[^\\n]*')} *\\n`,
    )
    .join('')
  return new RegExp(`^${pattern}$`).test(`${output.trimEnd()}\n`)
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
