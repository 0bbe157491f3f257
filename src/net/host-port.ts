/** An address or name as it stands before a port or in a URL: `10.0.0.1`, `[fd00::1]`, `web`. */
export const urlHost = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** `10.0.0.1:80`, `[fd00::1]:80`, `web:http`. */
export const hostPort = (host: string, port: number | string): string => `${urlHost(host)}:${port}`;
