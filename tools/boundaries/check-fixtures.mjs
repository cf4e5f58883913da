/**
 * Proves that the boundary rules reject what they should: every fixture breaks one rule, and a fixture that passes
 * fails this program. `fixtures/imports` are linted as if they stood in the folder that their first line names;
 * `fixtures/tree` is cruised as if it were the workspace.
 */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { cruise } from 'dependency-cruiser'
import extractConfig from 'dependency-cruiser/config-utl/extract-depcruise-config'
import { ESLint } from 'eslint'

const here = path.dirname(fileURLToPath(import.meta.url))
const root = path.resolve(here, '../..')
const importRule = '@nx/enforce-module-boundaries'

const unnoticed = []
const passed = [...(await lintImports()), ...(await cruiseTree())]
for (const fixture of unnoticed) console.error(`not rejected: ${fixture}`)
console.log(`boundary fixtures: ${passed.length} rejected as they must be, ${unnoticed.length} let through`)
process.exitCode = unnoticed.length > 0 || passed.length === 0 ? 1 : 0

/** Gives the names of the fixtures that were rejected by the rule they break. */
async function lintImports() {
  const eslint = new ESLint({ cwd: root })
  const folder = path.join(here, 'fixtures/imports')
  const rejected = []
  for (const file of await readdir(folder)) {
    const text = await readFile(path.join(folder, file), 'utf8')
    const [, as] = /^\/\/ as: (\S+)/.exec(text) ?? []
    if (!as) throw new Error(`${file} does not say where it would stand`)
    const [result] = await eslint.lintText(text, { filePath: path.join(root, as, file) })
    note(
      result?.messages.some(({ ruleId }) => ruleId === importRule),
      `${as}/${file} (${importRule})`,
      rejected,
    )
  }
  return rejected
}

async function cruiseTree() {
  const folder = path.join(here, 'fixtures/tree')
  const { options, ...ruleSet } = await extractConfig(path.join(root, '.dependency-cruiser.cjs'))
  const { output } = await cruise(['libs', 'apps'], { ...options, ruleSet, validate: true, baseDir: folder })
  const rejected = []
  for (const { source } of output.modules) {
    if (source.includes('node_modules')) continue
    let text
    try {
      text = await readFile(path.join(folder, source), 'utf8')
    } catch {
      continue // Node's own modules.
    }
    const [, rule] = /^\/\/ breaks: (\S+)/.exec(text) ?? []
    if (!rule) continue
    const found = output.summary.violations.some(
      (violation) => violation.from === source && violation.rule.name === rule,
    )
    note(found, `${source} (${rule})`, rejected)
  }
  return rejected
}

function note(found, name, rejected) {
  if (found) rejected.push(name)
  else unnoticed.push(name)
}
