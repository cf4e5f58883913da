import type { IcebergSchema, NestedField } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  findMappedField,
  newNameMapping,
  parseNameMapping,
  serializeNameMapping,
  updateNameMapping,
} from './name-mapping.js'
import { indexById } from './schema.js'
import { example } from '../testing/example.js'

const schemaOf = (...fields: NestedField[]): IcebergSchema => ({ type: 'struct', 'schema-id': 0, fields })
const column = (id: number, name: string, type: NestedField['type'] = 'int'): NestedField => ({
  id,
  name,
  required: false,
  type,
})
const invalid = expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' })

describe('a name mapping', () => {
  // Spec: Appendix C, "Name Mapping Serialization".
  const text = JSON.stringify([
    { 'field-id': 1, names: ['id', 'record_id'] },
    { 'field-id': 2, names: ['data'] },
    {
      'field-id': 3,
      names: ['location'],
      fields: [
        { 'field-id': 4, names: ['latitude', 'lat'] },
        { 'field-id': 5, names: ['longitude', 'long'] },
      ],
    },
  ])

  it('is read and written as the specification has it', () => {
    const mapping = parseNameMapping(text)
    expect(JSON.parse(serializeNameMapping(mapping))).toEqual(JSON.parse(text))
    const ids = [['record_id'], ['location', 'lat'], ['location', 'long'], ['location.lat'], ['lat'], ['none', 'x'], []]
    expect(ids.map((path) => findMappedField(mapping, path)?.['field-id'])).toEqual([
      1,
      4,
      5,
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  it('of a schema finds every field by its path', () => {
    const schema = example.schemas[1]!
    const mapping = parseNameMapping(serializeNameMapping(newNameMapping(schema)))
    for (const { field, path } of indexById(schema).values())
      expect(findMappedField(mapping, path)).toMatchObject({ 'field-id': field.id, names: [field.name] })
  })

  it.each([
    '{}',
    '[5]',
    '[{}]',
    '[{"names": [1]}]',
    '[{"names": ["a"], "field-id": "1"}]',
    '[{"names": ["a"]}, {"names": ["b", "a"]}]',
    '[{"names": ["a"], "field-id": 1, "fields": [{"names": ["b"], "field-id": 1}]}]',
    '[{"names": [], "fields": 5}]',
    `${'[{"names":[],"fields":'.repeat(200)}[]${'}]'.repeat(200)}`,
    '[',
  ])('is refused when it is no mapping (%#)', (wrong) => {
    expect(() => parseNameMapping(wrong)).toThrow(invalid)
  })

  it('is refused or read, whatever the text is', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        try {
          serializeNameMapping(parseNameMapping(json))
        } catch (error) {
          expect(error).toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
        }
      }),
    )
  })
})

describe('a name mapping of a schema that changes', () => {
  const point = (...fields: NestedField[]): NestedField['type'] => ({ type: 'struct', fields })
  const before = schemaOf(column(1, 'a'), column(2, 'b'), column(3, 'p', point(column(4, 'x'))))

  it('knows new fields, and renamed ones by both names', () => {
    const after = schemaOf(
      column(1, 'z'),
      column(3, 'p', point(column(4, 'x1'), column(5, 'y'))),
      column(6, 'l', { type: 'list', 'element-id': 7, element: 'int', 'element-required': false }),
    )
    expect(updateNameMapping(newNameMapping(before), before, after)).toEqual([
      { 'field-id': 1, names: ['a', 'z'] },
      { 'field-id': 2, names: ['b'] },
      {
        'field-id': 3,
        names: ['p'],
        fields: [
          { 'field-id': 4, names: ['x', 'x1'] },
          { 'field-id': 5, names: ['y'] },
        ],
      },
      { 'field-id': 6, names: ['l'], fields: [{ 'field-id': 7, names: ['element'] }] },
    ])
  })

  it('gives a name to the field that has it now', () => {
    const swapped = schemaOf(column(1, 'b'), column(2, 'a'), before.fields[2]!)
    expect(updateNameMapping(newNameMapping(before), before, swapped).slice(0, 2)).toEqual([
      { 'field-id': 1, names: ['b'] },
      { 'field-id': 2, names: ['a'] },
    ])
    const again = schemaOf(column(8, 'a'), ...before.fields.slice(1))
    expect(updateNameMapping(newNameMapping(before), before, again)).toEqual([
      { 'field-id': 1, names: [] },
      ...newNameMapping(before).slice(1),
      { 'field-id': 8, names: ['a'] },
    ])
  })

  it('leaves alone what somebody put there and did not change', () => {
    const mapping = [{ names: ['a'] }, { 'field-id': 1, names: [] }]
    const after = schemaOf(...before.fields, column(9, 'n'))
    expect(updateNameMapping(mapping, before, after)).toEqual([...mapping, { 'field-id': 9, names: ['n'] }])
  })
})
