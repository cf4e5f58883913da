/** How a client shows who it is. */
export interface Authentication {
  /** Headers for the next request; gets or renews a token first where it must. */
  headers(): Promise<Readonly<Record<string, string>>>

  /**
   * The server refused those headers (401 or 419): gets new ones where that is possible. False when there is no other
   * way to show who asks, so that the refusal stands.
   */
  renew(refused: Readonly<Record<string, string>>): Promise<boolean>

  /** Texts that must not be shown, whoever sends them back. */
  secrets(): readonly string[]
}

/** For servers that ask nobody who they are. */
export const noAuthentication: Authentication = {
  headers: async () => ({}),
  renew: async () => false,
  secrets: () => [],
}

/** A token that somebody else got, and that nobody here can renew. */
export function bearerToken(token: string): Authentication {
  return {
    headers: async () => ({ authorization: `Bearer ${token}` }),
    renew: async () => false,
    secrets: () => [token],
  }
}
