import { describe, expect, it } from '@jest/globals'
import { serversNamed, serversResting } from './servers.js'

describe('Servers', () => {
  const names = (servers: readonly { readonly name: string }[]) => servers.map(({ name }) => name)

  it('start with those that they need, which come first', () => {
    expect(names(serversNamed(['trino']))).toEqual(['minio', 'nessie', 'trino'])
    expect(names(serversNamed(['postgres', 'iceberg-rest']))).toEqual(['minio', 'iceberg-rest', 'postgres'])
    expect(names(serversNamed([]))).toEqual(['minio', 'nessie', 'iceberg-rest', 'trino', 'postgres'])
  })

  it('end with those that need them, which go first', () => {
    expect(names(serversResting(['nessie']))).toEqual(['trino', 'nessie'])
    expect(names(serversResting(['minio']))).toEqual(['trino', 'iceberg-rest', 'nessie', 'minio'])
    expect(names(serversResting([]))).toEqual(['postgres', 'trino', 'iceberg-rest', 'nessie', 'minio'])
  })
})
