// The revision of WhatsApp Web whose behaviour is simulated.
export const VERSION = '2.3000.1044822804';
