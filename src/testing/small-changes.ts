import type { ServicePort } from '../proxy/state/model.ts';
import { clusterIp, endpoints, plan, servicePort } from './proxy-fixtures.ts';

const other = servicePort('other', [clusterIp([plan.IPv4.cluster(2), 80], endpoints('IPv4', 1, 2))]);
const web = (...hosts: number[]): ServicePort =>
  servicePort('web', [clusterIp([plan.IPv4.cluster(1), 80], endpoints('IPv4', ...hosts))]);

/** The Service ports of a small IPv4 cluster before any change. */
export const beforeChanges: readonly ServicePort[] = [other];

/** What becomes of them, one change after the other, by what it is: for the goldens of what a mode writes. */
export const smallChanges: Readonly<Record<string, readonly ServicePort[]>> = {
  'a Service without endpoints': [other, web()],
  'its first endpoint': [other, web(3)],
  'a second one': [other, web(3, 4)],
  'one replaced': [other, web(4, 5)],
  'nothing new': [other, web(4, 5)],
  'the Service is gone': [other],
};
