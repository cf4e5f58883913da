import { PhloError } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../command-context.js'
import { formatTime } from '../output/numbers.js'
import { textTable } from '../output/text-table.js'
import { commitOf, withCatalog } from './opened-catalog.js'

/** Moves a branch or tag, unless another one moves it at the same time. */
export async function reset(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  to: string,
): Promise<number> {
  const { terminal } = context
  return withCatalog(context, globals, async (catalog) => {
    const before = await catalog.getRef(name)
    if (!before) {
      throw new PhloError('PHLO_REF_NOT_FOUND', `There is no branch or tag ${name}`, {
        hint: `Make it: phlo branch create ${name} --from ${to}`,
      })
    }
    const ref = await catalog.assignRef(name, await commitOf(catalog, to), {
      type: before.type,
      expected: before.commit,
      message: `Reset to ${to}`,
    })
    if (globals.json) return terminal.json({ ...ref, before: before.commit })
    terminal.print(`${name} stands at ${ref.commit.slice(0, 12)} now`)
    terminal.print(`What it held is left out, not deleted: phlo branch reset ${name} ${before.commit.slice(0, 12)}`)
  })
}

export async function protect(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { off?: boolean },
): Promise<number> {
  const { terminal } = context
  return withCatalog(context, globals, async (catalog) => {
    const ref = await catalog.protectRef(name, !options.off)
    if (globals.json) return terminal.json(ref)
    if (options.off) terminal.print(`${name} is protected no more`)
    else
      terminal.print(`${name} is protected: ${ref.type === 'tag' ? 'it stays as it is' : 'it changes by merge only'}`)
  })
}

export async function reflog(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { limit: number },
): Promise<number> {
  const { terminal } = context
  return withCatalog(context, globals, async (catalog) => {
    const rows: string[][] = []
    let count = 0
    for await (const entry of catalog.reflog(name)) {
      if (count++ === options.limit) break
      const { time, action, from = '', to = '', author, message } = entry
      if (globals.json) terminal.json(entry)
      else rows.push([formatTime(time), action, from.slice(0, 12), to.slice(0, 12), author, message])
    }
    const titles = ['time (UTC)', 'action', 'from', 'to', 'author', 'message']
    if (!globals.json)
      terminal.print(
        textTable(
          terminal,
          titles.map((title) => ({ title })),
          rows,
        ),
      )
  })
}
