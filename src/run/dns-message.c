/* SPDX-License-Identifier: MIT */
/*
 * Messages of the DNS (see dns-message.h). Reading goes by a cursor that, once it failed, stays failed; writing goes by
 * one that, once it is full, stays full: callers look at the end.
 */
#include "run/dns-message.h"

#include <errno.h>
#include <string.h>

#include "run/names-private.h"

#define FLAG_RESPONSE 0x8000u
#define FLAG_OPCODE 0x7800u
#define FLAG_CUT 0x0200u
#define FLAG_RECURSION_DESIRED 0x0100u
#define FLAG_RECURSION_AVAILABLE 0x0080u
#define FLAG_RCODE 0x000fu
#define RECORDS_MAX 256 /* of one message; what has more is not read */
#define OPT_LENGTH 11

struct reader {
	const uint8_t *message;
	size_t length;
	size_t at;
	bool is_bad;
};

static uint16_t read_u16(struct reader *reader)
{
	uint16_t value;

	if (reader->is_bad || reader->length - reader->at < 2) {
		reader->is_bad = true;
		return 0;
	}
	value = (uint16_t)(reader->message[reader->at] << 8 | reader->message[reader->at + 1]);
	reader->at += 2;
	return value;
}

static uint32_t read_u32(struct reader *reader)
{
	const uint32_t high = read_u16(reader);

	return high << 16 | read_u16(reader);
}

static void read_skip(struct reader *reader, size_t n)
{
	if (reader->is_bad || reader->length - reader->at < n)
		reader->is_bad = true;
	else
		reader->at += n;
}

/*
 * A name as text, its case kept, without the final dot; "" for the root and for a name with other bytes than names of
 * hosts have (it cannot be asked for, and a dot inside a label must not look like two labels). A pointer must lead to
 * before the part of the name that it ends: strictly backwards, so it comes to an end.
 */
static void read_name(struct reader *reader, char ret_name[static NG_NAME_MAX])
{
	size_t at = reader->at, floor = reader->at, length = 0;
	bool has_jumped = false, is_text = true;

	ret_name[0] = '\0';
	while (!reader->is_bad) {
		if (at >= reader->length)
			break;
		const uint8_t n = reader->message[at++];

		if ((n & 0xc0) == 0xc0) {
			if (at >= reader->length)
				break;
			const size_t target = (size_t)(n & 0x3f) << 8 | reader->message[at++];

			if (!has_jumped)
				reader->at = at;
			if (target >= floor || target < NG_DNS_HEADER)
				break;
			has_jumped = true;
			at = floor = target;
			continue;
		}
		if (n > 63 || n > reader->length - at || length + n + 1 > NG_NAME_MAX)
			break;
		if (n == 0) {
			char normal[NG_NAME_MAX];

			if (!has_jumped)
				reader->at = at;
			ret_name[length > 0 ? length - 1 : 0] = '\0';
			if (!is_text || !ng_name_normal(ret_name, normal))
				ret_name[0] = '\0';
			return;
		}
		memcpy(ret_name + length, reader->message + at, n);
		is_text = is_text && !memchr(ret_name + length, '.', n) && !memchr(ret_name + length, '\0', n);
		length += n;
		ret_name[length++] = '.';
		at += n;
	}
	ret_name[0] = '\0';
	reader->is_bad = true;
}

static bool is_same_name(const char *a, const char *b)
{
	char normal_a[NG_NAME_MAX], normal_b[NG_NAME_MAX];

	return ng_name_normal(a, normal_a) && ng_name_normal(b, normal_b) && strcmp(normal_a, normal_b) == 0;
}

struct record {
	char owner[NG_NAME_MAX];
	uint16_t type, class;
	uint32_t ttl_s;
	uint16_t length;
	size_t data; /* where it begins */
};

static void read_record(struct reader *reader, struct record *record)
{
	read_name(reader, record->owner);
	record->type = read_u16(reader);
	record->class = read_u16(reader);
	record->ttl_s = read_u32(reader);
	if (record->ttl_s & UINT32_C(0x80000000))
		record->ttl_s = 0; /* RFC 2181 8 */
	record->length = read_u16(reader);
	record->data = reader->at;
	read_skip(reader, record->length);
}

/* --- what clients ask --- */

static void query_read_opt(struct reader *reader, unsigned n_records, struct ng_dns_query *query)
{
	for (unsigned i = 0; i < n_records && i < RECORDS_MAX && !reader->is_bad; i++) {
		struct record record;

		read_record(reader, &record);
		if (reader->is_bad || record.type != NG_DNS_OPT)
			continue;
		query->has_opt = true;
		query->udp_size = record.class < NG_DNS_UDP_MIN   ? NG_DNS_UDP_MIN
				  : record.class > NG_DNS_UDP_MAX ? NG_DNS_UDP_MAX
								  : record.class;
	}
}

int ng_dns_query_read(const uint8_t *message, size_t length, struct ng_dns_query *ret_query)
{
	struct reader reader = { .message = message, .length = length };
	struct ng_dns_query query = { .udp_size = NG_DNS_UDP_MIN };
	unsigned flags, n_questions, n_records;

	query.id = read_u16(&reader);
	flags = read_u16(&reader);
	n_questions = read_u16(&reader);
	n_records = read_u16(&reader);
	n_records += read_u16(&reader);
	n_records += read_u16(&reader);
	if (reader.is_bad || (flags & FLAG_RESPONSE))
		return -EBADMSG;
	query.is_recursive = flags & FLAG_RECURSION_DESIRED;
	*ret_query = query;
	if (flags & FLAG_OPCODE)
		return -ENOSYS;
	if (n_questions != 1)
		return -EPROTO;
	read_name(&reader, query.name);
	query.type = read_u16(&reader);
	query.class = read_u16(&reader);
	if (reader.is_bad || reader.at - NG_DNS_HEADER > sizeof query.question)
		return -EPROTO;
	query.question_length = (uint16_t)(reader.at - NG_DNS_HEADER);
	memcpy(query.question, message + NG_DNS_HEADER, query.question_length);
	query_read_opt(&reader, n_records, &query);
	*ret_query = query;
	return reader.is_bad ? -EPROTO : 0;
}

/* --- what servers answer --- */

/* The CNAME of `name` in the answer section, at `answers`. 1: there is one, 0: there is none, -EPROTO. */
static int answer_follow(struct reader answers, unsigned n_records, const char *name,
			 char ret_target[static NG_NAME_MAX], uint32_t *ret_ttl_s)
{
	for (unsigned i = 0; i < n_records; i++) {
		struct record record;

		read_record(&answers, &record);
		if (answers.is_bad)
			return -EPROTO;
		if (record.type != NG_DNS_CNAME || record.class != NG_DNS_IN || !is_same_name(record.owner, name))
			continue;
		struct reader data = { answers.message, record.data + record.length, record.data, false };
		char target[NG_NAME_MAX];

		read_name(&data, target);
		if (data.is_bad || data.at != data.length || !ng_name_normal(target, ret_target))
			return -EPROTO;
		*ret_ttl_s = record.ttl_s;
		return 1;
	}
	return 0;
}

static int answer_read_chain(struct reader answers, unsigned n_records, const char *name, struct ng_dns_answer *answer)
{
	const char *current = name;

	answer->chain_ttl_s = UINT32_MAX;
	for (;;) {
		char target[NG_NAME_MAX];
		uint32_t ttl_s = 0;
		int result = answer_follow(answers, n_records, current, target, &ttl_s);

		if (result <= 0)
			return result;
		if (answer->n_chain == NG_DNS_CHAIN)
			return -EPROTO; /* a circle, or nearly */
		if (ttl_s < answer->chain_ttl_s)
			answer->chain_ttl_s = ttl_s;
		memcpy(answer->chain[answer->n_chain], target, sizeof target);
		current = answer->chain[answer->n_chain++];
	}
}

static void answer_read_addresses(struct reader answers, unsigned n_records, const char *owner, uint16_t type,
				  struct ng_dns_answer *answer)
{
	const unsigned size = type == NG_DNS_A ? 4 : 16;

	for (unsigned i = 0; i < n_records && answer->n_addresses < NG_DNS_ADDRESSES; i++) {
		struct ng_dns_address *address = &answer->addresses[answer->n_addresses];
		struct record record;

		read_record(&answers, &record);
		if (answers.is_bad || record.type != type || record.class != NG_DNS_IN || record.length != size ||
		    !is_same_name(record.owner, owner))
			continue;
		*address = (struct ng_dns_address){ .addr = { [10] = 0xff, [11] = 0xff } };
		memcpy(address->addr + (size == 4 ? 12 : 0), answers.message + record.data, size);
		address->ttl_s = record.ttl_s < answer->chain_ttl_s ? record.ttl_s : answer->chain_ttl_s;
		answer->n_addresses++;
	}
}

int ng_dns_answer_read(const uint8_t *message, size_t length, uint16_t id, const char *name, uint16_t type,
		       struct ng_dns_answer *ret_answer)
{
	struct reader reader = { .message = message, .length = length };
	unsigned flags, n_questions, n_records;
	const uint16_t answered_id = read_u16(&reader);
	char asked[NG_NAME_MAX];
	int result;

	memset(ret_answer, 0, offsetof(struct ng_dns_answer, chain));
	ret_answer->n_addresses = 0;
	flags = read_u16(&reader);
	n_questions = read_u16(&reader);
	n_records = read_u16(&reader);
	read_skip(&reader, 4);
	if (reader.is_bad || answered_id != id || !(flags & FLAG_RESPONSE) || (flags & FLAG_OPCODE) || n_questions != 1)
		return -EBADMSG;
	read_name(&reader, asked);
	if (read_u16(&reader) != type || read_u16(&reader) != NG_DNS_IN || reader.is_bad || !is_same_name(asked, name))
		return -EBADMSG;
	ret_answer->rcode = flags & FLAG_RCODE;
	ret_answer->is_cut = flags & FLAG_CUT;
	ret_answer->is_case_lost = strcmp(asked, name) != 0;
	if (ret_answer->is_cut || ret_answer->rcode != NG_DNS_NOERROR)
		return 0;
	if (n_records > RECORDS_MAX)
		return -EPROTO;
	result = answer_read_chain(reader, n_records, name, ret_answer);
	if (result < 0)
		return result;
	answer_read_addresses(reader, n_records,
			      ret_answer->n_chain ? ret_answer->chain[ret_answer->n_chain - 1] : name, type,
			      ret_answer);
	return 0;
}

/* --- writing --- */

struct writer {
	uint8_t *message;
	size_t room;
	size_t at;
	bool is_full;
};

static void write_bytes(struct writer *writer, const void *bytes, size_t n)
{
	if (writer->is_full || writer->room - writer->at < n) {
		writer->is_full = true;
		return;
	}
	memcpy(writer->message + writer->at, bytes, n);
	writer->at += n;
}

static void write_u16(struct writer *writer, unsigned value)
{
	const uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	write_bytes(writer, bytes, sizeof bytes);
}

static void write_u32(struct writer *writer, uint32_t value)
{
	write_u16(writer, value >> 16);
	write_u16(writer, value & 0xffff);
}

/* `name` passed ng_name_normal(), in any case. */
static void write_name(struct writer *writer, const char *name)
{
	while (*name) {
		const uint8_t n = (uint8_t)strcspn(name, ".");

		write_bytes(writer, &n, 1);
		write_bytes(writer, name, n);
		name += n + (name[n] == '.');
	}
	write_bytes(writer, "", 1);
}

/* The owner is a pointer to a name that stands in the message. */
static void write_record_head(struct writer *writer, size_t owner, uint16_t type, uint32_t ttl_s)
{
	write_u16(writer, 0xc000u | (unsigned)owner);
	write_u16(writer, type);
	write_u16(writer, NG_DNS_IN);
	write_u32(writer, ttl_s);
}

static void write_record_name(struct writer *writer, size_t owner, uint16_t type, uint32_t ttl_s, const char *target)
{
	write_record_head(writer, owner, type, ttl_s);
	write_u16(writer, (unsigned)strlen(target) + 2);
	write_name(writer, target);
}

/* Returns the number of records. */
static unsigned write_answer(struct writer *writer, uint16_t type, const struct ng_dns_answer *answer)
{
	size_t owner = NG_DNS_HEADER;

	for (unsigned i = 0; i < answer->n_chain; i++) {
		write_record_name(writer, owner, NG_DNS_CNAME, answer->chain_ttl_s, answer->chain[i]);
		owner = writer->at - strlen(answer->chain[i]) - 2;
	}
	for (unsigned i = 0; i < answer->n_addresses; i++) {
		const struct ng_dns_address *address = &answer->addresses[i];
		const unsigned size = type == NG_DNS_A ? 4 : 16;

		write_record_head(writer, owner, type, address->ttl_s);
		write_u16(writer, size);
		write_bytes(writer, address->addr + (16 - size), size);
	}
	return answer->n_chain + answer->n_addresses;
}

static void put_u16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

int ng_dns_query_write(uint16_t id, const char *name, uint16_t type, uint8_t ret_message[static NG_DNS_UDP_MIN])
{
	struct writer writer = { .message = ret_message, .room = NG_DNS_UDP_MIN };
	char normal[NG_NAME_MAX];

	if (!ng_name_normal(name, normal))
		return -EINVAL;
	write_u16(&writer, id);
	write_u16(&writer, FLAG_RECURSION_DESIRED);
	write_u16(&writer, 1);
	write_u16(&writer, 0);
	write_u32(&writer, 0);
	write_name(&writer, name);
	write_u16(&writer, type);
	write_u16(&writer, NG_DNS_IN);
	return (int)writer.at;
}

size_t ng_dns_answer_write(const struct ng_dns_query *query, uint8_t rcode, const struct ng_dns_answer *answer,
			   const char *ptr, uint32_t ttl_s, size_t room, uint8_t *ret_message)
{
	const size_t opt = query->has_opt ? OPT_LENGTH : 0, head = NG_DNS_HEADER + query->question_length;
	struct writer writer = { .message = ret_message, .room = room - opt, .at = head };
	unsigned flags = FLAG_RESPONSE | FLAG_RECURSION_AVAILABLE | rcode, n_records = 0;

	if (query->is_recursive)
		flags |= FLAG_RECURSION_DESIRED;
	memset(ret_message, 0, NG_DNS_HEADER);
	memcpy(ret_message + NG_DNS_HEADER, query->question, query->question_length);
	if (answer && query->question_length)
		n_records = write_answer(&writer, query->type, answer);
	if (ptr && query->question_length) {
		write_record_name(&writer, NG_DNS_HEADER, NG_DNS_PTR, ttl_s, ptr);
		n_records++;
	}
	if (writer.is_full) {
		writer = (struct writer){ .message = ret_message, .at = head };
		n_records = 0;
		flags |= FLAG_CUT;
	}
	writer.room = room;
	if (opt) {
		write_bytes(&writer, "", 1);
		write_u16(&writer, NG_DNS_OPT);
		write_u16(&writer, NG_DNS_UDP_MAX);
		write_u32(&writer, 0);
		write_u16(&writer, 0);
	}
	put_u16(ret_message, query->id);
	put_u16(ret_message + 2, flags);
	put_u16(ret_message + 4, query->question_length ? 1 : 0);
	put_u16(ret_message + 6, n_records);
	put_u16(ret_message + 10, opt ? 1 : 0);
	return writer.at;
}
