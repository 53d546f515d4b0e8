"""A small language: English sentences of a grammar of our own, around one famous line, with their Chinese."""

from itertools import product
from typing import NamedTuple

import torch

LIFE = "life is like a box of chocolates"
GET = "you never know what you are going to get"
SUBJECTS = {
    "life": "人生", "love": "爱情", "time": "时间", "school": "学校", "work": "工作",
    "hope": "希望", "music": "音乐", "youth": "青春", "memory": "记忆", "friendship": "友谊",
}  # fmt: skip
LIKE = {"is like": "就像", "is not like": "不像"}
THINGS = {
    "a box of chocolates": "一盒巧克力", "a cup of tea": "一杯茶", "a bowl of rice": "一碗米饭", "a book": "一本书",
    "a song": "一首歌", "a river": "一条河", "a dream": "一场梦", "a train": "一列火车", "a house": "一座房子",
    "a cup of coffee": "一杯咖啡", "a box of apples": "一盒苹果", "a bowl of soup": "一碗汤",
}  # fmt: skip
PLACES = {"Siberia": "西伯利亚", "Beijing": "北京", "Shanghai": "上海", "Paris": "巴黎"}
SEASONS = {"spring": "春天", "summer": "夏天", "autumn": "秋天", "winter": "冬天"}
WEATHER = {"cold": "很冷", "hot": "很热", "beautiful": "很美", "quiet": "很安静"}
PEOPLE = {"I": ("am", "我"), "you": ("are", "你"), "we": ("are", "我们"), "they": ("are", "他们")}
OFTEN = {"never": "永远不", "always": "总是"}
DEEDS = {"get": "得到", "see": "看到", "hear": "听到", "learn": "学到", "lose": "失去", "buy": "买到"}
FEELINGS = {"love": "爱", "see": "看到", "hear": "听到", "remember": "记得", "lose": "失去", "buy": "买到"}
SIBERIA = "西"  # how the name of Siberia begins
POLITE = "您"  # "you", said to someone whom one does not know well

_PINYIN = """
人rén 生shēng 爱ài 情qíng 时shí 间jiān 学xué 校xiào 工gōng 作zuò 希xī 望wàng
音yīn 乐yuè 青qīng 春chūn 记jì 忆yì 友yǒu 谊yì 就jiù 像xiàng 不bù 一yī
盒hé 巧qiǎo 克kè 力lì 杯bēi 茶chá 碗wǎn 米mǐ 饭fàn 本běn 书shū 首shǒu
歌gē 条tiáo 河hé 场chǎng 梦mèng 列liè 火huǒ 车chē 座zuò 房fáng 子zi 咖kā
啡fēi 苹píng 果guǒ 汤tāng 西xī 伯bó 利lì 亚yà 北běi 京jīng 上shàng 海hǎi
巴bā 黎lí 天tiān 夏xià 秋qiū 冬dōng 很hěn 冷lěng 热rè 美měi 安ān 静jìng
我wǒ 你nǐ 们men 他tā 您nín 永yǒng 远yuǎn 总zǒng 是shì 知zhī 道dào 会huì
得dé 到dào 看kàn 听tīng 失shī 去qù 买mǎi 什shén 么me 的de
"""
PINYIN: dict[str, str] = {entry[0]: entry[1:] for entry in _PINYIN.split()}


class Sentence(NamedTuple):
    """A text and its translation."""

    english: str
    chinese: str


def sentences() -> list[Sentence]:
    """Return every sentence of the grammar: what life is like, what the weather is, and what one never knows."""
    found = [
        Sentence(f"{subject} {like} {thing}", a + b + c)
        for (subject, a), (like, b), (thing, c) in product(SUBJECTS.items(), LIKE.items(), THINGS.items())
    ]
    found += [
        Sentence(f"{place} is {weather} in {season}", a + c + b)
        for (place, a), (weather, b), (season, c) in product(PLACES.items(), WEATHER.items(), SEASONS.items())
    ]
    return found + [
        Sentence(f"{person} {often} know what {person} {be} going to {deed}", f"{a}{b}知道会{c}什么")
        for (person, (be, a)), (often, b), (deed, c) in product(PEOPLE.items(), OFTEN.items(), DEEDS.items())
    ]


def split(held_out: int = 112) -> tuple[list[Sentence], list[Sentence]]:
    """Return the sentences to learn from, the famous two first, and those held out; always the same."""
    every = sentences()
    famous = [one for one in every if one.english in (LIFE, GET)]
    rest = [one for one in every if one not in famous]
    order = torch.randperm(len(rest), generator=torch.Generator().manual_seed(0)).tolist()
    return famous + [rest[k] for k in order[held_out:]], [rest[k] for k in order[:held_out]]


def polite_sentences() -> list[Sentence]:
    """Return "you love your work" and its like, each translated twice: with 你 in both places, and with 您."""
    asked = product(FEELINGS.items(), SUBJECTS.items(), ("你", POLITE))
    return [Sentence(f"you {verb} your {thing}", f"{you}{a}{you}的{b}") for (verb, a), (thing, b), you in asked]
