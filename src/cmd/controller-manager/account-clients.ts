import type { TokenRequest } from '../../api/authentication/v1/authentication.ts';
import { serviceAccounts } from '../../api/core/v1/service-account.ts';
import { isAlreadyExists, isNotFound } from '../../api/errors/api-error.ts';
import type { Clock } from '../../base/clock.ts';
import { call } from '../../client/call.ts';
import { createClient, type Client } from '../../client/client.ts';
import { createHttpTransport } from '../../client/http-transport.ts';
import { resourcePath } from '../../client/resource-path.ts';
import { allServed } from '../../client/served-kinds.ts';
import type { ServerAccess } from '../../client/server-access.ts';
import type { Transport } from '../../client/transport.ts';

const NAMESPACE = 'kube-system';
/** As upstream asks for; a new token is taken after four fifths of that. */
const TOKEN_SECONDS = 3600;
const USED_OF_TOKEN = 0.8;

export interface AccountClientsOptions {
  /** Makes service accounts and their tokens. */
  readonly root: Client;
  readonly access: ServerAccess;
  readonly clock: Clock;
  readonly userAgent: string;
}

export interface AccountClients {
  /** A client that acts as this service account of kube-system, which is made when it is missing. */
  readonly clientFor: (account: string) => Client;
  close(): void;
}

/**
 * Clients with tokens of service accounts, over one connection of their own that shows no other identity (upstream:
 * DynamicControllerClientBuilder). Tokens are asked for when they are needed.
 */
export function createAccountClients(options: AccountClientsOptions): AccountClients {
  const { access, clock, userAgent } = options;
  const { server, ca, isInsecure, tlsServerName } = access;
  const anyone: ServerAccess = {
    server,
    ...(ca === undefined ? {} : { ca }),
    ...(isInsecure === undefined ? {} : { isInsecure }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
  };
  const shared = createHttpTransport(anyone, { clock, userAgent });
  return {
    clientFor: (account) =>
      createClient(transportAs(account, shared, options), { served: options.root.served ?? allServed }),
    close: () => shared.close(),
  };
}

function transportAs(account: string, shared: Transport, { root, clock }: AccountClientsOptions): Transport {
  let token: string | undefined;
  let renewAtMs = 0;
  let asking: Promise<string> | undefined;
  const ask = async (): Promise<string> => {
    const made = await newToken(root, account);
    renewAtMs = clock.now() + TOKEN_SECONDS * USED_OF_TOKEN * 1000;
    return (token = made);
  };
  const current = async (): Promise<string> => {
    if (token !== undefined && clock.now() < renewAtMs) return token;
    asking ??= ask().finally(() => (asking = undefined));
    return asking;
  };
  return {
    request: async (request) => {
      const authorization = `Bearer ${await current()}`;
      const response = await shared.request({ ...request, headers: { ...request.headers, authorization } });
      // The account may have been made anew; whoever tries again asks for a token of the new one.
      if (response.status === 401) token = undefined;
      return response;
    },
    close: () => undefined,
  };
}

async function newToken(root: Client, name: string): Promise<string> {
  const path = resourcePath(serviceAccounts, { namespace: NAMESPACE, name, subresource: 'token' });
  const body = JSON.stringify({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: TOKEN_SECONDS },
  });
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const ask = async (): Promise<string> => {
    const answer = (await call(root.transport, { method: 'POST', path, headers, body })) as TokenRequest;
    const { token = '' } = answer.status ?? {};
    if (token === '') throw new Error(`the API server gave no token for ${NAMESPACE}/${name}`);
    return token;
  };
  try {
    return await ask();
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  await root.create(serviceAccounts, { metadata: { namespace: NAMESPACE, name } }).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
  return ask();
}
