"""What the tests look for in the answers, in every language: Russian is the key, English the value."""

from __future__ import annotations

from study.report.words import languages

LANGUAGES = languages()
_ENGLISH = {
    "выполнено предобучение": "fractals was carried out",
    "предобучение на фракталах не проводилось": "pre-training on fractals was not carried out",
    "Ответ.": "Answer.",
    "Что измерено.": "What was measured.",
    "Вердикт.": "Verdict.",
    "Границы вывода.": "Limits.",
    "значим": "significant",
    "подтверждено": "supported",
    "опровергнуто": "refuted",
    "2. Преимущества": "2. Advantages",
    "4. Что замораживают": "4. What is frozen",
    "зависит от архитектуры": "depends on the architecture",
    "вся сеть точнее выходного слоя": "the whole network is more accurate than the output layer",
    "вся сеть уступает выходному слою": "the whole network is less accurate than the output layer",
    "При послойных скоростях те же разности: VGG11":
        "The same differences with layer-wise rates: VGG11",
    "знак зависит от правила скоростей": "the sign depends on the rule of rates",
    "(зависит от правила скоростей)": "(depends on the rule of rates)",
    "VGG11: уступает": "VGG11: worse",
    "VGG11: не установлено": "VGG11: not established",
    "Здесь обучение всей сети точнее (GoogLeNet)":
        "Here training the whole network is more accurate (GoogLeNet)",
    "GoogLeNet: точнее": "GoogLeNet: better",
    "начальные веса – не измерялось": "initial weights – not measured",
    "Обучаемая часть – не измерялось": "Trained part – not measured",
    "Скорости – не измерялось": "Rates – not measured",
    "экономия разметки не определяется": "a saving of labels cannot be determined",
    "экономия разметки на этих объёмах не установлена":
        "no saving of labels is established at these numbers",
    "слишком мало, чтобы судить об экономии разметки": "too few seeds to judge a saving of labels",
    "точнее": "more accurate",
    "уступает": "less accurate",
    "предобученная сеть точнее обученной с нуля":
        "the pre-trained network is more accurate than the one trained from scratch",
    "предобученная сеть уступает обученной с нуля":
        "the pre-trained network is less accurate than the one trained from scratch",
    "предобученная сеть и обученная с нуля практически одинаково точны":
        "the pre-trained network and the one trained from scratch are practically equally accurate",
    "по одной паре обучений вывод": "no conclusion about the method is drawn from one pair",
    "знак различия не установлен": "the sign of the difference is not established",
    "не измерялось": "not measured",
    "признаки предобученной сети лучше случайных":
        "the features of the pre-trained network are better than random ones",
    "признаки предобученной сети хуже случайных":
        "the features of the pre-trained network are worse than random ones",
    "вся сеть точнее, заморозка": "the whole network is more accurate, freezing",
    "вся сеть уступает, заморозка": "the whole network is less accurate, freezing",
    "обучать всю сеть выгоднее": "training the whole network pays more",
    "обучать один выходной слой выгоднее": "training the output layer alone pays more",
    "послойные скорости точнее единой, разность":
        "layer-wise rates are more accurate than a uniform one, difference",
    "послойные скорости уступают единой, разность":
        "layer-wise rates are less accurate than a uniform one, difference",
    "GoogLeNet точнее VGG11": "GoogLeNet is more accurate than VGG11",
    "GoogLeNet уступает VGG11": "GoogLeNet is less accurate than VGG11",
    "GoogLeNet точнее": "GoogLeNet is more accurate",
    "GoogLeNet уступает": "GoogLeNet is less accurate",
    "веса ImageNet не были доступны": "the ImageNet weights were not available",
    "О предобучении на ImageNet результат, полученный с весами от фракталов, не говорит ничего":
        "A result obtained with weights from fractals says nothing about pre-training on ImageNet",
    "предобучение на фракталах, порождаемых формулой": "pre-training on formula-generated fractals",
    "фрактал": "fractal",
    "предобученная достигла уже при 2000": "by the pre-trained one with as few as 2000",
    "не достигла ни при одном": "not reached by the pre-trained one with any",
    "достигла уже": "with as few as",
    "точнее обоих крайних случаев": "more accurate than both extremes",
    "Ни одна промежуточная": "No intermediate depth",
    "Предобученный первый слой полезен.": "A pre-trained first layer is useful.",
    "Случайный первый слой точнее предобученного.":
        "A random first layer is more accurate than a pre-trained one.",
    "сумма весов по каналам даёт точность": "the sum of the weights over channels gives an accuracy",
    "сумма точнее среднего.": "the sum is more accurate than the mean.",
    "среднее точнее суммы.": "the mean is more accurate than the sum.",
    "Зёрен слишком мало": "There are too few seeds",
    "Первая часть сохранила активации лучше": "The first part preserved its activations better",
    "Последняя часть сохранила активации лучше": "The last part preserved its activations better",
    "сохранили активации основы лучше единой.":
        "preserved the activations of the backbone better than a uniform one.",
    "изменили активации основы сильнее единой.":
        "changed the activations of the backbone more than a uniform one.",
    "на ImageNet, лучше случайных": "learned on ImageNet are better than random ones",
    "на ImageNet, хуже случайных": "learned on ImageNet are worse than random ones",
    "хуже случайных": "worse than random ones",
    "лучше случайных:": "better than random ones:",
    "зёрен слишком мало для вывода": "there are too few seeds for a conclusion",
    "интервал не определён": "interval undefined",
    "не проводилось:": "was not made:",
}  # fmt: skip


def phrase(russian: str, lang: str) -> str:
    """The phrase in a language; one that has no translation here raises."""
    return russian if lang == "ru" else {"en": _ENGLISH}[lang][russian]
