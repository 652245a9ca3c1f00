/*
 * CPU microseconds that libsrtp takes to unprotect a packet. Usage: libsrtp-unprotect SUITE PACKETS ROUNDS
 * Prints one figure a round. Packets of 172 octets, in their order, 50 to a source and second as a call has them.
 */
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { packet_bytes = 172, room_bytes = 256 };

static double cpu_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void must(srtp_err_status_t status, const char *what) {
  if (status == srtp_err_status_ok) return;
  fprintf(stderr, "%s: libsrtp says %d\n", what, status);
  exit(1);
}

static srtp_t session(const char *suite, srtp_ssrc_type_t direction) {
  static unsigned char key[64];
  srtp_policy_t policy;
  srtp_t made;
  memset(&policy, 0, sizeof policy);
  memset(key, 5, sizeof key);
  if (strcmp(suite, "AES_CM_128_HMAC_SHA1_80") == 0) srtp_crypto_policy_set_rtp_default(&policy.rtp);
  else if (strcmp(suite, "AES_256_CM_HMAC_SHA1_80") == 0) srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtp);
  else if (strcmp(suite, "AEAD_AES_128_GCM") == 0) srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
  else if (strcmp(suite, "AEAD_AES_256_GCM") == 0) srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
  else exit(2);
  policy.rtcp = policy.rtp;
  policy.ssrc.type = direction;
  policy.key = key;
  policy.window_size = 128;
  must(srtp_create(&made, &policy), suite);
  return made;
}

int main(int count, char **words) {
  if (count != 4) return 2;
  const char *suite = words[1];
  const int packets = atoi(words[2]), rounds = atoi(words[3]);
  unsigned char *sealed = calloc(packets, room_bytes);
  int *lengths = calloc(packets, sizeof *lengths);
  if (sealed == NULL || lengths == NULL) return 1;
  must(srtp_init(), "init");
  srtp_t sender = session(suite, ssrc_any_outbound);
  for (int n = 0; n < packets; n += 1) {
    unsigned char *packet = sealed + (size_t)n * room_bytes;
    const unsigned timestamp = 160u * n;
    memset(packet, n, packet_bytes);
    packet[0] = 0x80;
    packet[1] = 0;
    packet[2] = n >> 8;
    packet[3] = n;
    packet[4] = timestamp >> 24;
    packet[5] = timestamp >> 16;
    packet[6] = timestamp >> 8;
    packet[7] = timestamp;
    memcpy(packet + 8, "\0\0\0\7", 4);
    lengths[n] = packet_bytes;
    must(srtp_protect(sender, packet, &lengths[n]), "protect");
  }
  for (int round = 0; round < rounds; round += 1) {
    srtp_t receiver = session(suite, ssrc_any_inbound);
    _Alignas(16) unsigned char clear[room_bytes];
    const double before = cpu_us();
    for (int n = 0; n < packets; n += 1) {
      int length = lengths[n];
      memcpy(clear, sealed + (size_t)n * room_bytes, length);
      must(srtp_unprotect(receiver, clear, &length), "unprotect");
    }
    printf("%.4f\n", (cpu_us() - before) / packets);
    srtp_dealloc(receiver);
  }
  return 0;
}
