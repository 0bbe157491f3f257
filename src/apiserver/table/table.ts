import type { KubeObject } from '../../api/kind.ts';
import type { ListMeta } from '../../api/meta/v1/list-meta.ts';
import type { Column, Resource } from '../rest/rest.ts';

/** How much of each object a row carries. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableRequest<T extends KubeObject> {
  readonly resource: Pick<Resource<T>, 'columns' | 'toJson'>;
  readonly items: readonly T[];
  readonly metadata: ListMeta;
  readonly includeObject: IncludeObject;
  /** Of meta.k8s.io. */
  readonly version: 'v1' | 'v1beta1';
  /** Milliseconds since the epoch; ages are counted to it. */
  readonly now: number;
  /** A watch names its columns only once. */
  readonly hasColumns: boolean;
}

/** A Table as JSON text (meta/v1 Table): what kubectl prints without knowing the kind. */
export function renderTable<T extends KubeObject>(request: TableRequest<T>): string {
  const { resource, items, metadata, version, hasColumns } = request;
  const columns = hasColumns ? resource.columns.map(columnDefinition) : [];
  const rows = items.map((item) => renderRow(item, request));
  const head = JSON.stringify({
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    columnDefinitions: columns,
  });
  return `${head.slice(0, -1)},"rows":[${rows.join(',')}]}`;
}

const columnDefinition = ({ name, type, format, description, priority }: Column<KubeObject>): object => ({
  name,
  type,
  format: format ?? '',
  description,
  priority,
});

function renderRow<T extends KubeObject>(item: T, request: TableRequest<T>): string {
  const { resource, now } = request;
  const cells = JSON.stringify(resource.columns.map((column) => column.cell(item, now)));
  const object = renderRowObject(item, request);
  return object === undefined ? `{"cells":${cells}}` : `{"cells":${cells},"object":${object}}`;
}

function renderRowObject<T extends KubeObject>(
  item: T,
  { resource, includeObject, version }: TableRequest<T>,
): string | undefined {
  switch (includeObject) {
    case 'None':
      return undefined;
    case 'Metadata':
      return renderPartialMetadata(item, version);
    case 'Object':
      return resource.toJson(item);
  }
}

/** PartialObjectMetadata as JSON text. */
export function renderPartialMetadata(object: KubeObject, version: 'v1' | 'v1beta1'): string {
  return JSON.stringify({
    kind: 'PartialObjectMetadata',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: object.metadata,
  });
}
