import { stackFolder } from './places.js'
import { down, status, up } from './stack.js'
import { messageOf, StackError } from './stack-error.js'
import { type ServerName, serverNames } from './stack-state.js'

const usage = `usage: npm run stack:up|stack:down|stack:status [-- ${serverNames.join(' ')}]`

/** Runs a command; gives the exit code. */
async function main([command, ...names]: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !(serverNames as readonly string[]).includes(name))
  if (unknown !== undefined) throw new StackError(`There is no server ${unknown}\n${usage}`)
  const chosen = names as ServerName[]
  const folder = stackFolder()
  const tell = (line: string) => console.log(line)
  if (command === 'up') await up(folder, chosen, tell)
  else if (command === 'down') await down(folder, chosen, tell)
  else if (command === 'status') return (await status(folder, chosen, tell)) ? 0 : 1
  else throw new StackError(usage)
  return 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof StackError)) throw error
  console.error(messageOf(error))
  process.exitCode = 1
}
