import type { Pod } from '../../../api/core/v1/pod.ts';
import type { Column } from '../../rest/rest.ts';
import { ageColumn, agoText, column, nameColumn, wide } from '../columns.ts';
import { podSummary } from './status-text.ts';

const NONE = '<none>';

function restartsText(pod: Pod, now: number): string {
  const { restarts, lastRestart } = podSummary(pod);
  return restarts === 0 || lastRestart === undefined
    ? String(restarts)
    : `${restarts} (${agoText(lastRestart, now)} ago)`;
}

function gatesText({ spec: { readinessGates = [] }, status }: Pod): string {
  if (readinessGates.length === 0) return NONE;
  const isTrue = (type: string): boolean =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
  const nTrue = readinessGates.filter(({ conditionType }) => isTrue(conditionType)).length;
  return `${nTrue}/${readinessGates.length}`;
}

export const podColumns: readonly Column<Pod>[] = [
  nameColumn(),
  column('Ready', 'string', [
    'How many containers are ready, of all.',
    (pod) => {
      const { nReady, nContainers } = podSummary(pod);
      return `${nReady}/${nContainers}`;
    },
  ]),
  column('Status', 'string', ['The state of the containers in a word.', (pod) => podSummary(pod).reason]),
  column('Restarts', 'string', ['How often containers were started again.', restartsText]),
  ageColumn(),
  wide(
    column('IP', 'string', [
      'The address of the Pod.',
      ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? NONE,
    ]),
  ),
  wide(column('Node', 'string', ['The node it runs on.', ({ spec }) => spec.nodeName ?? NONE])),
  wide(
    column('Nominated Node', 'string', [
      'The node being cleared for it.',
      ({ status }) => status?.nominatedNodeName ?? NONE,
    ]),
  ),
  wide(column('Readiness Gates', 'string', ['How many extra conditions hold, of all.', gatesText])),
];
