"""What is cached stays within the memory that it may take, in all partitions together."""

import gc

from consumer.engine.cache import OVERHEAD, CacheBudget, ContractCache


def contracts(names, size=0):
    return {name: {"account_id": name, "lifecycle": {"size": size}} for name in names.split()}


def known(cache, names="a b c d e f"):
    return "".join(cache.known(names.split()))


def test_those_touched_last_are_remembered():
    cache = ContractCache(CacheBudget(3 * OVERHEAD))
    cache.update(contracts("a b c"))
    cache.update(contracts("a"))
    cache.update(contracts("d"))
    assert known(cache) == "acd"


def test_that_there_is_none_is_remembered_too():
    cache = ContractCache(CacheBudget(OVERHEAD))
    cache.update({"a": None})
    assert cache.known(["a", "b"]) == {"a": None}


def test_a_large_one_takes_the_place_of_several():
    cache = ContractCache(CacheBudget(4 * OVERHEAD))
    cache.update(contracts("a b c d"))
    cache.update(contracts("e", size=2 * OVERHEAD))
    assert known(cache) == "de"
    assert cache.size == 4 * OVERHEAD


def test_one_that_grew_or_shrank_counts_as_it_is_now():
    cache = ContractCache(CacheBudget(20 * OVERHEAD))
    for size in (5, 40_000, 0):
        cache.update(contracts("a", size))
        assert cache.size == OVERHEAD + size
    cache.clear()
    assert cache.size == 0


def test_the_fullest_gives_way():
    budget = CacheBudget(5 * OVERHEAD)
    full, other = ContractCache(budget), ContractCache(budget)
    full.update(contracts("a b c d"))
    other.update(contracts("e f"))
    assert (known(full), known(other)) == ("bcd", "ef")


def test_more_than_the_whole_budget_is_not_kept():
    cache = ContractCache(CacheBudget(OVERHEAD))
    cache.update(contracts("a b"))
    cache.update(contracts("c", size=OVERHEAD))
    assert (known(cache), cache.size) == ("", 0)


def test_a_partition_that_was_given_away_counts_no_more():
    budget = CacheBudget(3 * OVERHEAD)
    cache, gone = ContractCache(budget), ContractCache(budget)
    gone.update(contracts("a b"))
    del gone
    gc.collect()
    cache.update(contracts("c d e"))
    assert known(cache) == "cde"
