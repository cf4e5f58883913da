import type { IcebergType } from '@phlo/ports'
import type { DataContract } from './contract.js'

/** A contract for people, as Markdown. `typeText` tells how types are written. */
export function schemaDocs(contract: DataContract, typeText: (type: IcebergType) => string): string {
  const { table, description, key, columns, rules } = contract
  const lines = [
    `# ${table}`,
    '',
    ...(description === undefined ? [] : [description, '']),
    '| column | type | null | rules | description |',
    '| --- | --- | --- | --- | --- |',
    ...columns.map((column) => {
      const said = [
        ...(key?.includes(column.name) ? ['key'] : []),
        ...(column.unique ? ['unique'] : []),
        ...(column.classification === undefined ? [] : [column.classification]),
        ...column.rules.map(({ meaning }) => meaning),
      ]
      const cells = [
        column.name,
        typeText(column.type),
        column.nullable ? 'yes' : 'no',
        said.join('; '),
        column.description ?? '',
      ]
      return `| ${cells.map(cell).join(' | ')} |`
    }),
    ...(rules.length === 0 ? [] : ['', ...rules.map(({ rule, meaning }) => `- **${rule}**: ${meaning}`)]),
    '',
    `Contract \`${contract.hash.slice(0, 12)}\``,
  ]
  return `${lines.join('\n')}\n`
}

function cell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll(/\s+/g, ' ')
}
