import { hostPort } from '../../net/host-port.ts';
import type { EndpointExplanation, FrontendExplanation, ServiceExplanation } from './explain.ts';

/**
 * An explanation as lines for people: each frontend with its outcome and the reason, and below it every endpoint with what becomes of it.
 * Empty lists give no line.
 */
export function explanationInWords({ notProxied, problems, ports }: ServiceExplanation): string[] {
  return [
    ...(notProxied === undefined ? [] : [`not proxied: ${notProxied}`]),
    ...problems,
    ...ports.flatMap(({ frontends }) => frontends.flatMap(frontendLines)),
  ];
}

function frontendLines({ name, heldBy, ways, allowedSources }: FrontendExplanation): string[] {
  if (heldBy !== undefined) return [`${name}: held by ${heldBy}`];
  return [
    ...(allowedSources === undefined
      ? []
      : [`${name}: only clients of ${allowedSources.join(', ') || 'nowhere'}, others are dropped`]),
    ...ways.flatMap(({ clients, outcome, reason, endpoints }) => [
      `${name} for ${CLIENTS[clients]}: ${outcome}: ${reason}`,
      ...endpoints.map(endpointLine),
    ]),
  ];
}

const CLIENTS = {
  everybody: 'everybody',
  inside: 'clients inside the cluster',
  outside: 'clients outside of it',
} as const;

function endpointLine({ ip, port, weight, podName, nodeName, leftOut }: EndpointExplanation): string {
  const who = [podName, nodeName === undefined ? undefined : `on ${nodeName}`].filter(
    (part) => part !== undefined,
  );
  const share = leftOut === undefined && weight !== 1 ? `, weight ${weight}` : '';
  return `  ${hostPort(ip, port)}${who.length === 0 ? '' : ` (${who.join(' ')})`} ${leftOut ?? 'is used'}${share}`;
}
