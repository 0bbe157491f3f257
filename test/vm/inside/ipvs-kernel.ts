import { describeIpvs } from '../../../src/kernel/ipvs/contract.ts';
import { openIpvs } from '../../../src/kernel/ipvs/open-ipvs.ts';

describeIpvs('kernel', openIpvs);
