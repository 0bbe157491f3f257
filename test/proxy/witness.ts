import { VIPS } from './canary.ts';
import type { Suspicious } from './canary.ts';
import type { Program, ProxyLab } from './proxy-lab.ts';

/** What goes on when a connection becomes suspicious. */
export interface Circumstances {
  readonly doing: string;
  readonly proxy: Program;
}

/** Looks at what the kernel and the proxy know of connections that failed or are late, at once. */
export interface Witness {
  readonly look: (suspicious: Suspicious) => void;
  /** What was seen, when every look has come to its end. */
  looks(): Promise<readonly string[]>;
}

/** The proxy's last lines that are told. */
const LINES = 40;
/** Looks that are made: each starts programs on a machine that is busy enough. */
const MAX_LOOKS = 12;

/** `onLook` is told what was seen as soon as it is. */
export function createWitness(
  lab: ProxyLab,
  circumstances: () => Circumstances,
  onLook: (seen: string) => void = () => undefined,
): Witness {
  const looks: Promise<string>[] = [];
  const lookAndTell = async (suspicious: Suspicious): Promise<string> => {
    const seen = await look(lab, suspicious, circumstances());
    onLook(seen);
    return seen;
  };
  return {
    look: (suspicious) => {
      if (looks.length < MAX_LOOKS) looks.push(lookAndTell(suspicious));
    },
    looks: () => Promise.all(looks),
  };
}

async function look(lab: ProxyLab, suspicious: Suspicious, { doing, proxy }: Circumstances): Promise<string> {
  const { place, ip, port, words } = suspicious;
  const family = ip.includes(':') ? 'ipv6' : 'ipv4';
  const see = async (command: string, ...args: readonly string[]): Promise<string> => {
    const text = await lab.run(command, args).catch((error: unknown) => String(error));
    return `- ${command} ${args.join(' ')}\n${text}`;
  };
  const sockets = ['-tnao', `( sport = :${port} or dport = :${port} )`];
  const within = (netns: string): readonly string[] => [`--net=${netns}`, 'ss', ...sockets];
  const seen = await Promise.all([
    ...['--orig-port-src', '--reply-port-dst'].map((which) =>
      see('conntrack', '-L', '-f', family, '-p', 'tcp', which, String(port)),
    ),
    see('ss', ...sockets),
    see('nsenter', ...within(lab.packets.netns(place))),
    see('nft', 'list', 'chains'),
  ]);
  const rules = await see('nft', 'list', 'ruleset');
  const ofCanary = rules.split('\n').filter((line) => line.includes(VIPS.IPv4) || line.includes(VIPS.IPv6));
  const said = proxy.output().trimEnd().split('\n').slice(-LINES);
  return [`= ${place} to ${ip}: ${words}, during ${doing}`, ...seen, ...ofCanary, ...said].join('\n');
}
