// Phone numbers as people read them.
import { define } from './runtime.js';

/** Country calling codes that are not three digits long; what is not here is. */
const SHORT_CODES = [
  '1',
  '7',
  '20',
  '27',
  '30',
  '31',
  '32',
  '33',
  '34',
  '36',
  '39',
  '40',
  '41',
  '43',
  '44',
  '45',
  '46',
  '47',
  '48',
  '49',
  '51',
  '52',
  '53',
  '54',
  '55',
  '56',
  '57',
  '58',
  '60',
  '61',
  '62',
  '63',
  '64',
  '65',
  '66',
  '81',
  '82',
  '84',
  '86',
  '90',
  '91',
  '92',
  '93',
  '94',
  '95',
  '98',
];

function findCC(digits) {
  return SHORT_CODES.find((code) => digits.startsWith(code)) ?? digits.slice(0, 3);
}

/** `+1 555 123 0000` of an id or of digits. */
export function formatted(id) {
  const digits = String(id).split('@')[0];
  const code = findCC(digits);
  const rest = digits.slice(code.length);
  const groups = rest.length > 6 ? [rest.slice(0, -7), rest.slice(-7, -4), rest.slice(-4)] : [rest];
  return `+${[code, ...groups].filter(Boolean).join(' ')}`;
}

define('WAPhoneFindCC', () => ({ findCC, extractDigits: (text) => text.replace(/\D/g, ''), phoneCC: findCC }));
define('WAWebPhoneUtils', () => ({ formattedPhoneNumber: formatted, formatPhone: formatted }));
