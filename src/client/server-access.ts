/** PEM texts that a connection is made with. */
export interface TlsMaterial {
  /** Authorities to trust; absent: those of the system. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Where an API server is and who is asking: what a transport needs. All material is PEM text, never a file name. */
export interface ServerAccess extends TlsMaterial {
  /** `https://host:port`, with a path prefix when the server sits behind one. `http://` is spoken without TLS. */
  readonly server: string;
  /**
   * What of `ca`, `cert` and `key` comes from files, as they are now: asked before each request, since certificates are renewed in place. The same
   * object as long as nothing changed. Absent: they stay.
   */
  readonly material?: () => TlsMaterial;
  /** The bearer token for the next request, asked each time because token files change. */
  readonly token?: () => string | undefined;
  readonly username?: string;
  readonly password?: string;
  readonly isInsecure?: boolean;
  /** The name the server's certificate must carry when it is not the host of `server`. */
  readonly tlsServerName?: string;
}

/** The `authorization` header of the next request, if any. */
export function authorizationOf(access: ServerAccess): Record<string, string> {
  const token = access.token?.();
  if (token !== undefined && token !== '') return { authorization: `Bearer ${token}` };
  if (access.username === undefined) return {};
  const basic = Buffer.from(`${access.username}:${access.password ?? ''}`).toString('base64');
  return { authorization: `Basic ${basic}` };
}
