import { PhloError } from '@phlo/ports'

/**
 * Names as Git allows them, on the safe side: letters, digits, `_ . / - + =`, no empty or dotted segment, and nothing
 * that reads as a commit's id. Throws PHLO_REF_INVALID.
 */
export function checkRefName(name: string): void {
  const good =
    /^[A-Za-z0-9_][A-Za-z0-9_.+=/-]{0,199}$/.test(name) &&
    !/(^|\/)(\.|$)|\.\.|\.lock(\/|$)|\/\//.test(name) &&
    !/^[0-9a-f]{8,64}$/.test(name)
  if (good) return
  throw new PhloError('PHLO_REF_INVALID', `${JSON.stringify(name)} cannot be the name of a branch or tag`, {
    hint: 'Use letters, digits, "_", "-", "." and "/" between parts; not what looks like a commit id.',
  })
}
