import { describeProof } from '../../../testing/proof/proof-tests.ts';
import { userspaceProof } from '../../../testing/proof/userspace-proof.ts';

describeProof(userspaceProof, { leastKinds: 40 });
