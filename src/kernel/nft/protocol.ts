/** Messages and attributes of nf_tables (Linux include/uapi/linux/netfilter/nf_tables.h), only those we use. */
export const NEWTABLE = 0;
export const GETTABLE = 1;
export const DELTABLE = 2;
export const NEWCHAIN = 3;
export const DELCHAIN = 5;
export const NEWRULE = 6;
export const GETRULE = 7;
export const DELRULE = 8;
export const NEWSET = 9;
export const GETSET = 10;
export const DELSET = 11;
export const NEWSETELEM = 12;
export const GETSETELEM = 13;
export const DELSETELEM = 14;
export const GETGEN = 16;
export const NEWOBJ = 18;
export const GETOBJ = 19;
export const DELOBJ = 20;

export const NFPROTO_IPV4 = 2;
export const NFPROTO_IPV6 = 10;

export const LIST_ELEM = 1;

export const GEN_ID = 1;

export const TABLE_NAME = 1;
export const TABLE_USERDATA = 6;

export const CHAIN_TABLE = 1;
export const CHAIN_NAME = 3;
export const CHAIN_HOOK = 4;
export const CHAIN_TYPE = 7;
export const HOOK_HOOKNUM = 1;
export const HOOK_PRIORITY = 2;

export const RULE_TABLE = 1;
export const RULE_CHAIN = 2;
export const RULE_HANDLE = 3;
export const RULE_EXPRESSIONS = 4;
export const RULE_USERDATA = 7;

export const SET_TABLE = 1;
export const SET_NAME = 2;
export const SET_FLAGS = 3;
export const SET_KEY_TYPE = 4;
export const SET_KEY_LEN = 5;
export const SET_DATA_TYPE = 6;
export const SET_DATA_LEN = 7;
export const SET_DESC = 9;
export const SET_ID = 10;
export const SET_TIMEOUT = 11;
export const SET_USERDATA = 13;
export const SET_OBJ_TYPE = 15;
export const SET_DESC_SIZE = 1;
export const SET_DESC_CONCAT = 2;
export const SET_FIELD_LEN = 1;
export const SET_F_ANONYMOUS = 0x1;
export const SET_F_CONSTANT = 0x2;
export const SET_F_INTERVAL = 0x4;
export const SET_F_MAP = 0x8;
export const SET_F_TIMEOUT = 0x10;
export const SET_F_EVAL = 0x20;
export const SET_F_OBJECT = 0x40;
export const SET_F_CONCAT = 0x80;
export const DATA_TYPE_VERDICT = 0xffffff00;

export const ELEMENTS_TABLE = 1;
export const ELEMENTS_SET = 2;
export const ELEMENTS_LIST = 3;
export const ELEMENTS_SET_ID = 4;
export const ELEM_KEY = 1;
export const ELEM_DATA = 2;
export const ELEM_FLAGS = 3;
export const ELEM_OBJREF = 9;
export const ELEM_KEY_END = 10;
export const ELEM_F_INTERVAL_END = 1;

export const OBJ_TABLE = 1;
export const OBJ_NAME = 2;
export const OBJ_TYPE = 3;
export const OBJ_DATA = 4;
export const OBJECT_COUNTER = 1;
export const COUNTER_BYTES = 1;
export const COUNTER_PACKETS = 2;
export const OBJREF_SET_SREG = 3;
export const OBJREF_SET_NAME = 4;

export const DATA_VALUE = 1;
export const DATA_VERDICT = 2;
export const VERDICT_CODE = 1;
export const VERDICT_CHAIN = 2;
export const VERDICT_DROP = 0;
export const VERDICT_ACCEPT = 1;
export const VERDICT_JUMP = -3;
export const VERDICT_GOTO = -4;
export const VERDICT_RETURN = -5;

export const EXPR_NAME = 1;
export const EXPR_DATA = 2;
export const IMMEDIATE_DATA = 2;

/** Registers: 0 holds a verdict, 8 to 23 are sixteen words of four bytes. */
export const REG_VERDICT = 0;
export const REG32_FIRST = 8;

export const PAYLOAD_NETWORK = 1;
export const PAYLOAD_TRANSPORT = 2;
export const META_L4PROTO = 16;
export const META_MARK = 3;
export const META_IIFNAME = 6;
export const CT_STATE = 0;
export const CT_DIRECTION = 1;
export const CT_STATUS = 2;
export const CT_PROTO_DST = 12;
export const CT_DST_IP = 20;
export const CT_DST_IP6 = 22;
export const CT_ORIGINAL = 0;
export const CT_REPLY = 1;
/** `ct state new` as nft tests it (NF_CT_STATE_BIT(IP_CT_NEW)), and IPS_DST_NAT. */
export const CT_STATE_NEW = 8;
export const CT_STATUS_DNAT = 0x20;
export const CMP_EQ = 0;
export const CMP_NEQ = 1;
export const LOOKUP_F_INV = 1;
export const NG_RANDOM = 1;
export const FIB_ADDRTYPE = 3;
export const FIB_F_SADDR = 1;
export const FIB_F_DADDR = 2;
export const RTN_LOCAL = 2;
export const NAT_DNAT = 1;
export const NAT_RANDOM_FULLY = 0x10;
export const REJECT_ICMP_UNREACH = 0;
export const REJECT_TCP_RST = 1;
export const ICMP_PORT_UNREACH = 3;
export const ICMP6_PORT_UNREACH = 4;
export const DYNSET_UPDATE = 1;
