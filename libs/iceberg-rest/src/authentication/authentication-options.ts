import { z } from 'zod'
import { type Authentication, bearerToken, noAuthentication } from './authentication.js'
import { OAuth2Authentication } from './oauth2.js'

/** How a catalog is told who asks, as plugins take it from `phlo.yaml`. */
export const AuthenticationOptions = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('none') }),
  z.strictObject({ type: z.literal('bearer'), token: z.string().min(1) }),
  z.strictObject({
    type: z.literal('oauth2'),
    /** Of the authorization server. */
    tokenUri: z.url({ protocol: /^https?$/ }).optional(),
    clientId: z.string().min(1).optional(),
    clientSecret: z.string().min(1).optional(),
    /** Without a secret: a token to begin with, exchanged for a fresh one before it ends. */
    token: z.string().min(1).optional(),
    scope: z.string().optional(),
    audience: z.string().min(1).optional(),
    resource: z.string().min(1).optional(),
  }),
])
export type AuthenticationOptions = z.infer<typeof AuthenticationOptions>

export interface AuthenticationDefaults {
  /** For OAuth2 options that name none. */
  readonly tokenUri: string
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds. */
  readonly timeout: number
  readonly attempts: number
}

/** Who asks, as the options say. */
export function authenticationOf(
  options: AuthenticationOptions,
  { tokenUri, ...rest }: AuthenticationDefaults,
): Authentication {
  if (options.type === 'none') return noAuthentication
  if (options.type === 'bearer') return bearerToken(options.token)
  const { type: _, ...given } = options
  // What is undefined is left out, which the compiler cannot see of options that were parsed.
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return new OAuth2Authentication({ tokenUri, ...set, ...rest })
}
