import { describe, expect, it } from '@jest/globals'
import { type Move, type Operation, violations } from './ref-history.js'

const moves: readonly Move[] = [
  { id: 'make', from: undefined, to: 'c1' },
  { id: 'a', from: 'c1', to: 'c2' },
  { id: 'b', from: 'c2', to: 'c3' },
  { id: 'drop', from: 'c3', to: undefined },
]
const moved = (id: string, commit: string | undefined, invoked: number, answered: number): Operation => ({
  id,
  ref: 'r',
  invoked,
  answered,
  answer: { kind: 'moved', commit },
})
const saw = (id: string, commit: string | undefined, invoked: number, answered: number): Operation => ({
  id,
  ref: 'r',
  invoked,
  answered,
  answer: { kind: 'saw', commit },
})
const operations: readonly Operation[] = [
  moved('make', 'c1', 0, 10),
  moved('a', 'c2', 20, 30),
  moved('b', 'c3', 25, 40),
  moved('drop', undefined, 50, 60),
]

describe('a history of a ref', () => {
  it.each<[string, readonly Operation[]]>([
    ['moves alone', operations],
    ['a look beside moves', [...operations, saw('l', 'c2', 15, 45), saw('m', 'c3', 26, 27)]],
    [
      'a refusal while the ref was there',
      [...operations, { ...saw('l', '', 1, 5), answer: { kind: 'refused', because: 'there' } }],
    ],
    [
      'a refusal before it was',
      [...operations, { ...saw('l', '', 1, 5), answer: { kind: 'refused', because: 'absent' } }],
    ],
    ['a move whose client was killed', [...operations.slice(0, 3), { id: 'drop', ref: 'r', invoked: 50 }]],
    ['a killed client whose move was not made', [...operations, { id: 'x', ref: 'r', invoked: 50 }]],
  ])('is one of a register: %s', (_name, history) => {
    expect(violations(moves, history)).toEqual([])
  })

  it.each<[string, readonly Move[], readonly Operation[]]>([
    [
      'b does not start where a ended',
      moves.map((move) => (move.id === 'b' ? { ...move, from: 'c1' } : move)),
      operations,
    ],
    ['x was acknowledged and is lost', moves, [...operations, moved('x', 'c9', 1, 2)]],
    [
      'b led elsewhere than it was told',
      moves,
      operations.map((one) => (one.id === 'b' ? moved('b', 'c4', 25, 40) : one)),
    ],
    ['drop was made 2 times', [...moves, { id: 'drop', from: undefined, to: undefined }], operations],
    [
      'b was made although it was not acknowledged as a move',
      moves,
      operations.map((one) => (one.id === 'b' ? { ...one, answer: { kind: 'failed' } } : one)),
    ],
    [
      'b was answered before a move ahead of it was asked for',
      moves,
      operations.map((one) => (one.id === 'b' ? moved('b', 'c3', 11, 15) : one)),
    ],
    ['l saw what was not there', moves, [...operations, saw('l', 'c1', 41, 45)]],
    ['l saw what was not there', moves, [...operations, saw('l', 'c3', 11, 15)]],
    [
      'l saw what was not there',
      moves,
      [...operations, { ...saw('l', '', 41, 45), answer: { kind: 'refused', because: 'absent' } }],
    ],
    ['a later look saw an older state', moves, [...operations, saw('l', 'c2', 21, 22), saw('m', 'c1', 23, 24)]],
  ])('is none: %s', (problem, log, history) => {
    expect(violations(log, history)).toEqual([problem])
  })
})
