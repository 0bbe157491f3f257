import type { DefaultRule } from '../../schema/schema.ts';

/** 'latest' when the reference has neither tag nor digest; '' when it has a digest only. */
export function imageTag(image: string): string {
  const digest = image.indexOf('@');
  const name = digest < 0 ? image : image.slice(0, digest);
  const colon = name.lastIndexOf(':');
  // A colon before the last slash separates a registry's port.
  if (colon > name.lastIndexOf('/')) return name.slice(colon + 1);
  return digest < 0 ? 'latest' : '';
}

/** Images that may move are pulled at each start (pkg/apis/core/v1/defaults.go, SetDefaults_Container). */
export const pullPolicy: DefaultRule = (container) => {
  const image = typeof container.image === 'string' ? container.image : '';
  return imageTag(image) === 'latest' ? 'Always' : 'IfNotPresent';
};
