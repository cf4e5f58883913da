import type { IcebergType, SingleValue } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { parseJson, serializeJson } from '../metadata/json.js'
import { primitives, valuesOf } from '../testing/arbitraries.js'
import { formatPrimitive, parsePrimitive } from './primitive.js'
import { formatSingleValue, isDefaultValue, parseSingleValue } from './single-value.js'

const named = primitives.map((type) => [formatPrimitive(type), type] as const)
const plain = (value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value)

describe('single values in JSON', () => {
  // Spec: Appendix D, "JSON single-value serialization".
  it.each<[string, SingleValue, unknown]>([
    ['boolean', true, true],
    ['int', 34, 34],
    ['long', 34, 34n],
    ['long', 2n ** 62n, 2n ** 62n],
    ['float', 1, 1],
    ['double', 1, 1],
    ['decimal(9, 2)', '14.20', 1420n],
    ['date', '2017-11-16', 17486],
    ['time', '22:31:08.123456', 81068123456n],
    ['timestamp', '2017-11-16T22:31:08.123456', 1510871468123456n],
    ['timestamptz', '2017-11-16T22:31:08.123456+00:00', 1510871468123456n],
    ['timestamp_ns', '2017-11-16T22:31:08.123456789', 1510871468123456789n],
    ['timestamptz_ns', '2017-11-16T22:31:08.123456789+00:00', 1510871468123456789n],
    ['string', 'iceberg', 'iceberg'],
    ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 'f79c3e09-677c-4bbd-a479-3f349cb785e7'],
    ['fixed[4]', '000102ff', '000102ff'],
    ['binary', '000102ff', '000102ff'],
  ])('%s %j is the specification’s example', (name, json, value) => {
    const type = parsePrimitive(name)
    const parsed = parseSingleValue(type, json)
    expect(plain(parsed)).toEqual(value)
    expect(formatSingleValue(type, parsed!)).toEqual(json)
  })

  it.each(named)('of %s come back as they went', (_name, type) => {
    fc.assert(
      fc.property(valuesOf(type), (value) => {
        if (typeof value === 'number' && !Number.isFinite(value)) {
          expect(() => formatSingleValue(type, value)).toThrow(
            expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' }),
          )
          return
        }
        const text = serializeJson({ value: formatSingleValue(type, value) })
        const { value: json } = parseJson(text, 'text') as { value: SingleValue }
        expect(plain(parseSingleValue(type, json))).toEqual(plain(Object.is(value, -0) ? 0 : value))
      }),
    )
  })

  it.each<[string, SingleValue]>([
    ['boolean', 'true'],
    ['int', '34'],
    ['int', 2 ** 31],
    ['long', 1.5],
    ['long', 2n ** 63n],
    ['decimal(9, 2)', 14.2],
    ['decimal(9, 2)', '14.205'],
    ['decimal(3, 2)', '14.20'],
    ['date', 17486],
    ['timestamp', '2017-11-16T22:31:08.1234567'],
    ['timestamp', '2017-11-16T22:31:08+00:00'],
    ['timestamptz', '2017-11-16T22:31:08'],
    ['timestamptz', '2017-11-16T22:31:08+02:00'],
    ['timestamptz_ns', '2017-11-16T22:31:08Z'],
    ['string', 5],
    ['uuid', 'x'],
    ['fixed[4]', '0001'],
    ['binary', '0'],
    ['geometry', 'POINT (30 10)'],
    ['variant', {}],
    ['unknown', 1],
  ])('%s is not %j', (name, json) => {
    expect(parseSingleValue(parsePrimitive(name), json)).toBeUndefined()
    expect(isDefaultValue(name, json)).toBe(false)
    expect(isDefaultValue(name, null)).toBe(true)
  })

  it('of nested types hold what their types say', () => {
    const list: IcebergType = { type: 'list', 'element-id': 2, element: 'int', 'element-required': true }
    const map: IcebergType = {
      type: 'map',
      'key-id': 3,
      key: 'string',
      'value-id': 4,
      value: list,
      'value-required': false,
    }
    const struct: IcebergType = { type: 'struct', fields: [{ id: 5, name: 'x', required: true, type: 'int' }] }
    const good: [IcebergType, SingleValue][] = [
      [list, [1, 2]],
      [map, { keys: ['a', 'b'], values: [[1], null] }],
      [struct, {}],
    ]
    const bad: [IcebergType, SingleValue][] = [
      [list, [null]],
      [list, ['a']],
      [list, 5],
      [map, { keys: ['a'], values: [] }],
      [map, { keys: [null], values: [null] }],
      [map, { keys: ['a'], values: [['x']] }],
      [map, []],
      [map, { keys: [], values: [], more: 1 }],
      [struct, { '5': 1 }],
      [struct, []],
    ]
    expect(good.map(([type, json]) => isDefaultValue(type, json))).toEqual(good.map(() => true))
    expect(bad.map(([type, json]) => isDefaultValue(type, json))).toEqual(bad.map(() => false))
  })
})
