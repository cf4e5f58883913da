import { version } from './version.js'

// Asking for the version loads nothing else: tools ask often.
if (process.argv.length === 3 && ['--version', '-V', 'version'].includes(process.argv[2] as string)) {
  process.stdout.write(`${version()}\n`)
} else {
  const { runProgram } = await import('./program.js')
  process.exitCode = await runProgram(process.argv)
}
