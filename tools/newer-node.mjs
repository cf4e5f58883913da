/** Runs the demo on a newer Node than the one at hand, whose binary the npm registry has. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const version = '24.21.0'
const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
const folder = mkdtempSync(path.join(os.tmpdir(), 'newer-node-'))

try {
  run('npm', ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `${name}@${version}`])
  const node = path.join(folder, 'node_modules', name, 'bin', 'node')
  run(node, ['--version'])
  run(node, [path.resolve(import.meta.dirname, '../examples/flights/demo.mjs')])
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
}
