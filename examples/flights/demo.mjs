// The demo: real data goes from files to published tables, and a bad batch is stopped.
import { spawnSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const phlo = path.join(path.dirname(createRequire(import.meta.url).resolve('phlo/package.json')), 'bin', 'phlo.js')
const delivery = path.join(here, 'incoming', 'reports-2001-07-02.csv')

const colored = process.stdout.isTTY === true && !process.env.NO_COLOR
const bold = (text) => (colored ? `\u001b[1m${text}\u001b[0m` : text)

/** Runs a command as a user would, and shows it. */
function show(title, args, expected = 0) {
  console.log(
    `\n${bold(title)}\n$ phlo ${args.map((arg) => (/^[\w@{}:.=/+-]+$/.test(arg) ? arg : JSON.stringify(arg))).join(' ')}`,
  )
  const { status } = spawnSync(process.execPath, [phlo, ...args], { cwd: here, stdio: 'inherit' })
  if (status === expected) return
  console.error(`\nThe demo expected exit code ${expected} and got ${status}.`)
  process.exit(1)
}

/** What a command prints as JSON. */
function ask(args) {
  const { stdout, status } = spawnSync(process.execPath, [phlo, '--json', ...args], {
    cwd: here,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (status !== 0) throw new Error(`phlo ${args.join(' ')} ended with ${status}: ${stdout}`)
  return JSON.parse(stdout)
}

const mainCommit = () => ask(['branch', 'list']).find(({ name }) => name === 'main').commit

rmSync(path.join(here, '.phlo'), { recursive: true, force: true })
rmSync(delivery, { force: true })

show('What would run, and why', ['plan'])
show('Run it: on a branch, audited there, published to main in one commit', ['run'])
show('The published tables', ['table', 'list'])
show('The mart answers', [
  'query',
  'SELECT origin, destination, flights, mean_delay, on_time_percent FROM gold.route_delays ORDER BY mean_delay DESC LIMIT 8',
])
show('The history of main', ['branch', 'log'])

try {
  const before = mainCommit()
  copyFileSync(path.join(here, 'bad-batch', 'reports-2001-07-02.csv'), delivery)
  show('A bad batch comes in: the run is stopped, and main stays as it was', ['run', 'flight_reports+'], 1)
  const after = mainCommit()
  if (before !== after) {
    console.error(`main moved from ${before} to ${after}`)
    process.exit(1)
  }
  console.log(
    `\nmain is still at ${after.slice(0, 12)}, with ${ask(['query', 'SELECT count(*) AS n FROM bronze.flight_reports'])[0].n} reports.`,
  )
  const branch = ask(['runs', 'list'])[0].branch
  show('The rejected rows wait on the branch of the run', [
    'query',
    '--ref',
    branch,
    'SELECT source_row, reason, "row" FROM quarantine.bronze_flight_reports ORDER BY source_row',
  ])
} finally {
  rmSync(delivery, { force: true })
}
console.log('\nThe demo is done. Look around: cd examples/flights && npx phlo --help')
