export type IpFamily = 'IPv4' | 'IPv6';
