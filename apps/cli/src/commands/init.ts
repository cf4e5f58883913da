import { mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { hasSystemCode, PhloError } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { version } from '../version.js'

/** Makes a small project that runs as it is. Never writes over a file. */
export async function init(context: CommandContext, globals: GlobalOptions, folder: string): Promise<number> {
  const dir = path.resolve(folder)
  const name =
    path
      .basename(dir)
      .replace(/[^A-Za-z0-9_-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '') || 'my-project'
  const files = projectFiles(name)
  await mkdir(dir, { recursive: true })
  const present = new Set(await readdir(dir))
  const clash = Object.keys(files).find(
    (file) => present.has(file.split('/')[0] as string) && file !== '.gitignore' && file !== 'package.json',
  )
  if (clash !== undefined) {
    throw new PhloError('PHLO_CONFIG_INVALID', `${path.join(folder, clash.split('/')[0] as string)} is there already`, {
      hint: 'Make the project in a new folder: phlo init my-project',
    })
  }
  const written: string[] = []
  for (const [file, content] of Object.entries(files)) {
    const target = path.join(dir, file)
    await mkdir(path.dirname(target), { recursive: true })
    try {
      await writeFile(target, content, { flag: 'wx' })
      written.push(file)
    } catch (error) {
      if (!hasSystemCode(error, 'EEXIST')) throw error
    }
  }
  if (globals.json) context.terminal.json({ project: dir, files: written })
  else {
    const { bold, green, dim } = context.terminal.colors
    context.terminal.print(`${green('Made')} the project ${bold(name)} in ${dir}`)
    for (const file of written) context.terminal.print(dim(`  ${file}`))
    const go = folder === '.' ? '' : `cd ${folder} && `
    context.terminal.print(`\nNext: ${bold(`${go}npm install && npx phlo run`)}`)
  }
  return exitCode.ok
}

function projectFiles(name: string): Record<string, string> {
  return {
    'phlo.yaml': `name: ${name}\n`,
    'package.json': `${JSON.stringify(
      {
        name,
        private: true,
        type: 'module',
        scripts: { run: 'phlo run' },
        dependencies: { phlo: version() },
        devDependencies: { typescript: '6.0.3' },
      },
      null,
      2,
    )}\n`,
    '.gitignore': 'node_modules/\n.phlo/\n',
    'data/orders.csv': [
      'order_id,customer,ordered_at,amount,status',
      '1,ada,2026-01-01T09:30:00Z,19.90,paid',
      '2,grace,2026-01-01T11:05:00Z,5.00,paid',
      '3,ada,2026-01-02T08:15:00Z,120.50,refunded',
      '4,linus,2026-01-02T19:45:00Z,-3.00,paid',
      '5,grace,2026-01-03T07:00:00Z,42.00,open',
      '',
    ].join('\n'),
    'workflows/orders.ts': `import { field, files, ingestion, quality, z } from 'phlo'

/** What a row must be. Rows that are not go to quarantine.orders, with the reason. */
export const Order = z.object({
  order_id: field(z.int(), { description: 'Number of the order' }),
  customer: z.string().min(1),
  ordered_at: z.iso.datetime(),
  amount: field(z.number().min(0), { type: 'decimal(12, 2)', description: 'In euros' }),
  status: z.enum(['open', 'paid', 'refunded']),
})

export const orders = ingestion(
  { name: 'orders', description: 'Orders of the shop', schema: Order, uniqueKey: 'order_id' },
  files({ path: 'data/orders.csv' }),
)

quality(orders, (t) => [t.count({ min: 1 }), t.range('amount', { max: 10_000 })])
`,
    'workflows/transforms/dbt/dbt_project.yml': `name: ${name.replaceAll('-', '_')}\nversion: '1.0'\nconfig-version: 2\n`,
    'workflows/transforms/dbt/models/gold/daily_revenue.sql': `select
    cast(ordered_at as date) as day,
    count(*) as orders,
    sum(amount) as revenue
from {{ source('bronze', 'orders') }}
where status <> 'refunded'
group by 1
`,
    'workflows/transforms/dbt/models/gold/gold.yml': `version: 2

models:
  - name: daily_revenue
    description: Revenue by day, without refunded orders
    columns:
      - name: day
        description: The day, UTC
        tests:
          - not_null
          - unique
`,
  }
}
