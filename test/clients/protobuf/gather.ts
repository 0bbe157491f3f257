// Writes kubernetes.proto: what upstream's generated.proto files declare of the kinds that are served, without their comments.
//
//   node test/clients/protobuf/gather.ts /usr/share/gocode/src      (Debian: golang-k8s-api-dev, golang-k8s-apimachinery-dev)
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

const [source = '/usr/share/gocode/src'] = process.argv.slice(2);
const PACKAGES = [
  'apps.v1',
  'autoscaling.v1',
  'autoscaling.v2',
  'batch.v1',
  'batch.v1beta1',
  'certificates.v1',
  'coordination.v1',
  'core.v1',
  'discovery.v1',
  'discovery.v1beta1',
  'events.v1',
  'networking.v1',
  'networking.v1beta1',
  'node.v1',
  'policy.v1',
  'policy.v1beta1',
  'rbac.v1',
  'scheduling.v1',
  'storage.v1',
].map((name) => `k8s.io/api/${name.replace('.', '/')}`);
const SHARED = ['apis/meta/v1', 'runtime', 'runtime/schema', 'api/resource', 'util/intstr'].map(
  (name) => `k8s.io/apimachinery/pkg/${name}`,
);

const root = new protobuf.Root();
root.resolvePath = (_, target) => join(source, target);
const files = [...SHARED, ...PACKAGES].map((name) => `${name}/generated.proto`);
for (const file of files) if (!existsSync(join(source, file))) throw new Error(`${file} is not in ${source}`);
root.loadSync(files, { keepCase: true });
root.resolveAll();

const written: string[] = [];
const fieldText = (field: protobuf.Field): string => {
  const type = field.resolvedType?.fullName ?? field.type;
  if (field instanceof protobuf.MapField)
    return `map<${field.keyType}, ${type}> ${field.name} = ${field.id};`;
  return `${field.repeated ? 'repeated' : 'optional'} ${type} ${field.name} = ${field.id};`;
};
const visit = (namespace: protobuf.NamespaceBase, path: readonly string[]): void => {
  const messages = namespace.nestedArray
    .filter((each): each is protobuf.Type => each instanceof protobuf.Type)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((type) => `message ${type.name} { ${type.fieldsArray.map(fieldText).join(' ')} }`);
  if (messages.length > 0) written.push(`package ${path.join('.')};\n${messages.join('\n')}`);
  for (const each of namespace.nestedArray) {
    if (each instanceof protobuf.Namespace && !(each instanceof protobuf.Type))
      visit(each, [...path, each.name]);
  }
};
visit(root, []);
const header = [
  '// Fields of Kubernetes 1.32, as its generated.proto files (Apache License 2.0) declare them. Written by gather.ts.',
  'syntax = "proto2";',
];
writeFileSync(
  join(import.meta.dirname, 'kubernetes.proto'),
  `${header.join('\n')}\n${written.join('\n\f\n')}\n`,
);
