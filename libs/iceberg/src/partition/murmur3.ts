/**
 * 32-bit Murmur3, x86 variant, seed 0, as Iceberg's bucket transform uses it. The result is a signed 32-bit integer.
 * Spec: Appendix B, "32-bit Hash Requirements".
 */
export function murmur3(bytes: Uint8Array): number {
  const c1 = 0xcc9e2d51
  const c2 = 0x1b873593
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const blocks = bytes.byteLength & ~3
  let hash = 0
  for (let offset = 0; offset < blocks; offset += 4) {
    hash ^= scramble(view.getUint32(offset, true), c1, c2)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let offset = bytes.byteLength - 1; offset >= blocks; offset--) tail = (tail << 8) | (bytes[offset] as number)
  if (bytes.byteLength > blocks) hash ^= scramble(tail, c1, c2)
  hash ^= bytes.byteLength
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

function scramble(block: number, c1: number, c2: number): number {
  const mixed = Math.imul(block, c1)
  return Math.imul((mixed << 15) | (mixed >>> 17), c2)
}
