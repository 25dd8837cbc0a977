// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * resvinj - adds reserved regions of a test's choosing to chosen IOMMU groups
 *
 * Stock hardware descriptions can't give groups of one guest different reserved
 * regions, nor make the kernel run out of memory at the right moment. This
 * module can: a kretprobe on iommu_get_group_resv_regions() adds regions to
 * what that function has collected, or makes it return -ENOMEM.
 *
 * Parameters, under /sys/module/resvinj/parameters:
 *
 *   add       write "GROUP START LAST KIND": one more region for one group.
 *             Addresses are hexadecimal and inclusive; LAST = START - 1 is a
 *             region of zero length. KIND is direct, direct-relaxable,
 *             reserved, msi or sw-msi.
 *   clear     write "1": forget all regions.
 *   order     "sorted" (at first): where the core itself would put them, which
 *             it relies on when it collects another group into the same list;
 *             "as-added": behind all others, in the order of `add`.
 *   fail      N: the N-th next call fails, 1 being the very next; 0 is off.
 *             Reads as the number of calls still to come.
 *   calls     calls of the function seen
 *   injected  regions put into lists
 *   failed    calls made to fail by `fail`
 *   nomem     calls that failed because this module itself got no memory
 *   missed    calls that passed by unseen, for want of kretprobe instances
 *
 * Every caller counts, and reading a group's reserved_regions in sysfs is a
 * call as well: a test must not read it between setting `fail` and the call
 * that is meant to fail.
 *
 * Locking: regions are only ever added at the end, or all removed. The probe
 * walks them under RCU, since it runs with preemption off and may not sleep;
 * writers exclude each other by a mutex.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/iommu.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/version.h>

#define REGIONS_MOST	4096

/* Concurrent calls that can be followed; the tests make one at a time. */
#define CALLS_AT_ONCE	64

struct region {
	struct list_head list;
	struct rcu_head rcu;
	int group;
	phys_addr_t start;
	size_t length;
	enum iommu_resv_type kind;
};

static LIST_HEAD(regions);
static unsigned int region_count;
static DEFINE_MUTEX(regions_lock);	/* writers of the two above */

static bool as_added;
static atomic_t calls_until_failure = ATOMIC_INIT(0);
static atomic_t calls = ATOMIC_INIT(0);
static atomic_t injected = ATOMIC_INIT(0);
static atomic_t failed = ATOMIC_INIT(0);
static atomic_t nomem = ATOMIC_INIT(0);

static const char * const kinds[] = {
	[IOMMU_RESV_DIRECT] = "direct",
	[IOMMU_RESV_DIRECT_RELAXABLE] = "direct-relaxable",
	[IOMMU_RESV_RESERVED] = "reserved",
	[IOMMU_RESV_MSI] = "msi",
	[IOMMU_RESV_SW_MSI] = "sw-msi",
};

/* ---- parameters ---- */

/* The next word of a line, never NULL, so that a missing one fails to parse. */
static char *next_word(char **line)
{
	char *word = *line ? strsep(line, " ") : NULL;

	return word ? word : "";
}

static int parse_region(char *line, struct region *region)
{
	unsigned long long start, last;
	int kind, ret;

	ret = kstrtoint(next_word(&line), 10, &region->group);
	if (ret)
		return ret;
	ret = kstrtoull(next_word(&line), 16, &start);
	if (ret)
		return ret;
	ret = kstrtoull(next_word(&line), 16, &last);
	if (ret)
		return ret;
	kind = match_string(kinds, ARRAY_SIZE(kinds), next_word(&line));
	if (kind < 0 || line)
		return -EINVAL;

	/* The sum wraps to 0 for a region without bytes: that one is allowed. */
	if (last + 1 < start && last != U64_MAX)
		return -EINVAL;

	region->start = start;
	region->length = last - start + 1;
	region->kind = kind;
	return 0;
}

static int append_region(struct region *region)
{
	int ret = 0;

	mutex_lock(&regions_lock);
	if (region_count < REGIONS_MOST) {
		list_add_tail_rcu(&region->list, &regions);
		region_count++;
	} else {
		ret = -ENOSPC;
	}
	mutex_unlock(&regions_lock);
	return ret;
}

static int add_set(const char *value, const struct kernel_param *param)
{
	struct region *region = kzalloc(sizeof(*region), GFP_KERNEL);
	char *line = kstrdup(value, GFP_KERNEL);
	int ret = -ENOMEM;

	if (region && line)
		ret = parse_region(strim(line), region);
	if (!ret)
		ret = append_region(region);
	if (ret)
		kfree(region);
	kfree(line);
	return ret;
}

static void forget_regions(void)
{
	struct region *region, *next;

	mutex_lock(&regions_lock);
	list_for_each_entry_safe(region, next, &regions, list) {
		list_del_rcu(&region->list);
		kfree_rcu(region, rcu);
	}
	region_count = 0;
	mutex_unlock(&regions_lock);
}

static int clear_set(const char *value, const struct kernel_param *param)
{
	if (!sysfs_streq(value, "1"))
		return -EINVAL;
	forget_regions();
	return 0;
}

static int order_set(const char *value, const struct kernel_param *param)
{
	if (sysfs_streq(value, "sorted"))
		WRITE_ONCE(as_added, false);
	else if (sysfs_streq(value, "as-added"))
		WRITE_ONCE(as_added, true);
	else
		return -EINVAL;
	return 0;
}

static int order_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%s\n",
			  READ_ONCE(as_added) ? "as-added" : "sorted");
}

static int fail_set(const char *value, const struct kernel_param *param)
{
	int number;
	int ret = kstrtoint(value, 10, &number);

	if (ret)
		return ret;
	if (number < 0)
		return -EINVAL;
	atomic_set(&calls_until_failure, number);
	return 0;
}

static int counter_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%d\n", atomic_read((atomic_t *)param->arg));
}

static const struct kernel_param_ops add_ops = { .set = add_set };
static const struct kernel_param_ops clear_ops = { .set = clear_set };
static const struct kernel_param_ops counter_ops = { .get = counter_get };
static const struct kernel_param_ops order_ops = {
	.set = order_set,
	.get = order_get,
};

static const struct kernel_param_ops fail_ops = {
	.set = fail_set,
	.get = counter_get,
};

module_param_cb(add, &add_ops, NULL, 0200);
module_param_cb(clear, &clear_ops, NULL, 0200);
module_param_cb(order, &order_ops, NULL, 0600);
module_param_cb(fail, &fail_ops, &calls_until_failure, 0600);
module_param_cb(calls, &counter_ops, &calls, 0400);
module_param_cb(injected, &counter_ops, &injected, 0400);
module_param_cb(failed, &counter_ops, &failed, 0400);
module_param_cb(nomem, &counter_ops, &nomem, 0400);

/* ---- the probe ---- */

/* The arguments of a call under way; they are gone from the registers later. */
struct call {
	struct iommu_group *group;
	struct list_head *head;
};

static int on_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct call *call = (struct call *)instance->data;

	call->group = (struct iommu_group *)regs_get_kernel_argument(regs, 0);
	call->head = (struct list_head *)regs_get_kernel_argument(regs, 1);
	return 0;
}
NOKPROBE_SYMBOL(on_entry);

/*
 * How many regions may be added for this caller. Before 6.4 sysfs prints into
 * its page without looking where that ends, so a long list would have it
 * overwrite memory: a fault of the kernel, but one this module must not set
 * off in tests of something else. A line takes at most 56 bytes.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
/* Where the call returns to; the function that says so came with 5.18. */
static void *caller_of(struct kretprobe_instance *instance)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 18, 0)
	return instance->ret_addr;
#else
	return (void *)get_kretprobe_retaddr(instance);
#endif
}

static unsigned int room_for(struct kretprobe_instance *instance,
			     struct list_head *head)
{
	static const char printer[] = "iommu_group_show_resv_regions";
	unsigned int most = PAGE_SIZE / 56;
	unsigned int present = 0;
	char caller[sizeof(printer)];
	struct list_head *entry;

	snprintf(caller, sizeof(caller), "%ps", caller_of(instance));
	if (strcmp(caller, printer))
		return UINT_MAX;
	list_for_each(entry, head)
		present++;
	return present < most ? most - present : 0;
}
#else
static unsigned int room_for(struct kretprobe_instance *instance,
			     struct list_head *head)
{
	return UINT_MAX;
}
#endif

static void free_list(struct list_head *list)
{
	struct iommu_resv_region *region, *next;

	list_for_each_entry_safe(region, next, list, list)
		kfree(region);
}

/*
 * What iommu_alloc_resv_region() makes, without sleeping: before 6.2 that can't
 * be asked for.
 */
static struct iommu_resv_region *make_region(const struct region *region)
{
	struct iommu_resv_region *made = kzalloc(sizeof(*made),
						 GFP_ATOMIC | __GFP_NOWARN);

	if (!made)
		return NULL;
	INIT_LIST_HEAD(&made->list);
	made->start = region->start;
	made->length = region->length;
	made->prot = IOMMU_READ | IOMMU_WRITE;
	made->type = region->kind;
	return made;
}

/*
 * Makes a list of the group's regions, in the order in which they were added.
 * Returns how many, or -ENOMEM.
 */
static int make_list(int group, unsigned int most, struct list_head *list)
{
	struct region *region;
	unsigned int count = 0;

	list_for_each_entry_rcu(region, &regions, list) {
		struct iommu_resv_region *copy;

		if (region->group != group || count >= most)
			continue;
		copy = make_region(region);
		if (!copy)
			return -ENOMEM;
		list_add_tail(&copy->list, list);
		count++;
	}
	return count;
}

/*
 * Puts a region where iommu_insert_resv_region() would: by start, then by type,
 * behind its equals. Nothing is merged, so that the caller sees every region.
 */
static void insert_sorted(struct iommu_resv_region *region,
			  struct list_head *head)
{
	struct iommu_resv_region *later;

	list_for_each_entry(later, head, list) {
		if (region->start < later->start ||
		    (region->start == later->start &&
		     region->type < later->type))
			break;
	}
	list_add_tail(&region->list, &later->list);
}

static void merge_sorted(struct list_head *list, struct list_head *head)
{
	struct iommu_resv_region *region, *next;

	list_for_each_entry_safe(region, next, list, list) {
		list_del(&region->list);
		insert_sorted(region, head);
	}
}

static int inject(struct call *call, unsigned int most)
{
	LIST_HEAD(list);
	int count;

	rcu_read_lock();
	count = make_list(iommu_group_id(call->group), most, &list);
	rcu_read_unlock();
	if (count < 0) {
		free_list(&list);
		return count;
	}
	if (READ_ONCE(as_added))
		list_splice_tail(&list, call->head);
	else
		merge_sorted(&list, call->head);
	atomic_add(count, &injected);
	return 0;
}

/*
 * A call made to fail has done its work by now, and its regions stay in the
 * caller's list. So they would if it had run out of memory by itself: it gives
 * up at the first device that fails and leaves behind what it has. Both callers
 * (type1 and sysfs) therefore free the list whatever the result, and nothing
 * leaks. Likewise a list that could not be made in full is not handed over in
 * part, for a test to draw conclusions from, but reported as the -ENOMEM it is.
 */
static int on_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct call *call = (struct call *)instance->data;

	atomic_inc(&calls);
	if (atomic_dec_if_positive(&calls_until_failure) == 0) {
		atomic_inc(&failed);
		regs_set_return_value(regs, -ENOMEM);
		return 0;
	}
	if ((int)regs_return_value(regs) || !call->group || !call->head)
		return 0;
	if (inject(call, room_for(instance, call->head))) {
		atomic_inc(&nomem);
		regs_set_return_value(regs, -ENOMEM);
	}
	return 0;
}
NOKPROBE_SYMBOL(on_return);

static struct kretprobe probe = {
	.kp.symbol_name = "iommu_get_group_resv_regions",
	.entry_handler = on_entry,
	.handler = on_return,
	.data_size = sizeof(struct call),
	.maxactive = CALLS_AT_ONCE,
};
module_param_named(missed, probe.nmissed, int, 0400);

static int __init resvinj_init(void)
{
	int ret = register_kretprobe(&probe);

	if (ret) {
		pr_err("cannot probe %s: %d; the kernel needs CONFIG_KPROBES and CONFIG_IOMMU_API\n",
		       probe.kp.symbol_name, ret);
		forget_regions();	/* `add` may have been among the load parameters */
	}
	return ret;
}

static void __exit resvinj_exit(void)
{
	unregister_kretprobe(&probe);
	forget_regions();
}

module_init(resvinj_init);
module_exit(resvinj_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Adds reserved regions to IOMMU groups, for tests");
